"""The screens that are compared and photographed: a cluster in trouble, and a recording."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.tui.chaosruns import UNDER_WAY, printed
from tests.tui.frames import SECOND, START, WALL, Script, fold, progress_of, status_of
from tests.tui.pilot import SMALL, WIDE, Viewer, view
from tests.tui.stand_in import MadeUp, StandIn, address_of
from tests.tui.test_replay import short_film
from tui.chaos import ChaosView
from tui.model import ClusterModel
from tui.nodes import Process, Reach

LAST = {1: 104_317, 2: 104_315, 3: 104_318, 4: 10_120, 5: 75_630}
COMMITTED = {1: 104_317, 2: 104_315, 3: 104_317, 4: 10_118, 5: 75_630}


class Scene(NamedTuple):
    """`keys` lead to it; `replay`: of the recording, not of the cluster. `logs`: nodes that show
    entries of theirs, up to this one. `chaos`: what a run under way has printed.
    """

    name: str
    size: tuple[int, int]
    keys: str = ""
    replay: bool = False
    logs: Mapping[int, int] = {}
    chaos: str = ""


SCENES = (
    Scene("overview", WIDE),
    Scene("small", SMALL),
    Scene("applied", WIDE, "a"),
    Scene("node", WIDE, "3 enter"),
    Scene("node-small", SMALL, "4 enter"),
    Scene("peers", WIDE, "3 enter 3 down"),
    Scene("config", WIDE, "3 enter 4"),
    Scene("log", WIDE, "4 l g 1 0 1 1 9 enter d", logs={3: 10_140, 4: 10_120}),
    Scene("members", SMALL, "M"),
    Scene("events", SMALL, "e"),
    Scene("partition", WIDE, "3 p"),
    Scene("chaos", WIDE, chaos=printed(*UNDER_WAY)),
    Scene("replay", WIDE, "right_curly_bracket m right_curly_bracket", True),
)


def in_trouble() -> ClusterModel:
    """Five nodes: n3 leads, n4 is cut off, n5 was killed, n2 is reached slowly."""
    model = ClusterModel()
    model.members(range(1, 6))
    for node in range(1, 6):
        fold(_frames_of(node).frames, model)
        model.reach(node, Reach(is_open=True))
        model.process(node, Process("running", 4120 + node))
    model.reach(5, Reach(False, "gone"))
    model.process(5, Process("exited", None, "killed -9", (WALL + SECOND) / 1e9 - 32))
    return model


def _frames_of(node: int) -> Script:
    script = Script(node)
    script.keyframe(_status(node))
    if node == 1:
        cut = ",".join(f"n{peer}:n4,n4:n{peer}" for peer in (1, 2, 3, 5))
        script.happened("fault", after_ms=20, fault="#1", what="cut", links=cut)
        script.happened("follow", leader="n3")
    if node == 3:
        script.happened("leader", votes="n1,n2,n3", took_ms=184.0)
    if node == 4:
        for _ in range(40):
            script.happened("prevote", 6, after_ms=200, why="no word from a leader")
    if node in (1, 2, 3):
        for first in range(103_058, 104_318, 70):
            last = min(first + 69, COMMITTED[node])
            quiet_ms = 7_000 if first == 103_058 else 0
            script.bulk(first, last, after_ms=quiet_ms + 100 + node)
    if node != 5:
        script.changed(max(START + 9 * SECOND - script.at_ns, 0) / 1e6, up_ms=362_000)
    return script


def _status(node: int) -> dict[str, Any]:
    peers = [peer for peer in range(1, 6) if peer != node]
    links = dict.fromkeys(map(str, peers), "cut" if node == 4 else "up")
    if node != 4:
        links["4"] = "cut"
    if node != 5:
        links["5"] = "down"
    if node == 3:
        links["2"] = "slow"
    rules = [{"fault": 1, "src": 4, "dst": peer, "cut": True} for peer in (1, 2, 3, 5)]
    rules += [{"fault": 1, "src": peer, "dst": 4, "cut": True} for peer in (1, 2, 3, 5)]
    own: dict[str, Any] = {}
    if node == 4:
        own = {
            **{"role": "precandidate", "term": 6, "voted_for": 4},
            **{"election_in_ms": 190, "last_leader": {"term": 6, "id": 4}},
            "elections": {"prevotes_tried": 412, "prevotes_won": 1}
            | {"elections_tried": 1, "elections_won": 1},
        }
    if node == 3:
        own["in_touch"] = [1, 2, 3]
        silent = {"heard_ms": None}
        own["progress"] = {
            str(peer): progress_of(COMMITTED[peer]) | (silent if peer > 3 else {}) for peer in peers
        }
        own["peers"] = {
            str(peer): {"rtt_ms": rtt_ms, "out_per_s": out_per_s}
            for peer, rtt_ms, out_per_s in (
                *((1, 0.52, 164.0), (2, 41.3, 160.2)),
                *((4, None, 20.0), (5, None, None)),
            )
        }
    ends = {"last_index": LAST[node], "commit_index": COMMITTED[node]}
    applied = {"last_applied": COMMITTED[node], "links": links, "faults": rules}
    return status_of(node, 5, None if node == 4 else 3, **ends, **applied, **own)


def _log_of(node: int, last: int) -> dict[str, Any]:
    """As the node answers. From entry 10,119 on n4, which is cut off, has others than the rest."""
    entries = []
    for index in range(10_100, last + 1):
        term = 6 if index <= 10_118 or node == 4 else 7
        kind, preview = "command", f"put k{index % 17} v-{index - 10_037}"
        if index == 10_119 and node != 4:
            kind, preview = "noop", ""
        size = len(preview) + 27 if preview else 0
        row = {"index": index, "term": term, "kind": kind, "bytes": size, "preview": preview}
        entries.append(row)
    ends = {"last_index": LAST[node], "commit_index": COMMITTED[node]}
    return {"first_index": 9_001, **ends, "last_applied": COMMITTED[node], "entries": entries}


async def _with_logs(viewer: Viewer, scene: Scene) -> None:
    nodes = [StandIn(node) for node in scene.logs]
    for node in nodes:
        node.log = _log_of(node.node_id, scene.logs[node.node_id])
        await node.start()
    viewer.app._source = MadeUp(address_of({node.node_id: node.port for node in nodes}))
    try:
        await viewer.press(*scene.keys.split())
        async with asyncio.timeout(10):
            while "legal" not in viewer.screen_text():
                await viewer.pilot.pause(0.01)
    finally:
        for node in nodes:
            await node.stop()


async def _with_chaos(viewer: Viewer, scene: Scene) -> None:
    run = ChaosView("cut")
    run.feed(scene.chaos, viewer.app.live.now_ns)
    viewer.app.chaos = run
    await viewer.press("c")


def show(scene: Scene, take: Callable[[Viewer], None], **options: Any) -> None:
    """Let `take` have the viewer at that scene."""

    async def test(viewer: Viewer) -> None:
        if scene.logs:
            await _with_logs(viewer, scene)
        elif scene.chaos:
            await _with_chaos(viewer, scene)
        else:
            await viewer.press(*scene.keys.split())
        await asyncio.sleep(0)
        take(viewer)

    if scene.replay:
        view(test, film=short_film(), size=scene.size, **options)
    else:
        view(test, in_trouble(), size=scene.size, chosen=3, **options)
