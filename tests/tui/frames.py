"""Streams of frames as nodes send them, for the tests of the viewer: made up, or at random."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from hypothesis import strategies as st

from node.wire.messages import Bulk, Changed, Frame, Gap, Happened, Keyframe
from tui.model import ClusterModel
from tui.nodes import Reach

SECOND = 1_000_000_000
WALL = 1_700_000_000 * SECOND
START = 1_000 * SECOND
"""When the recorded clusters of these tests begin, on the nodes' monotonic clock."""


def status_of(node: int, nodes: int = 3, leader: int | None = 1, **values: Any) -> dict[str, Any]:
    """A status document as `node.server.status` makes it, with some values of one's own."""
    peers = [peer for peer in range(1, nodes + 1) if peer != node]
    leads = node == leader
    status: dict[str, Any] = {
        "id": node,
        "boot": 1,
        "pid": 4120 + node,
        "port": 8100 + node,
        "role": "leader" if leads else "follower",
        "term": 7,
        "voted_for": leader,
        "leader": leader,
        "leading_ms": 134_000 if leads else None,
        "first_index": 9_001,
        "last_index": 104_317,
        "commit_index": 104_317,
        "last_applied": 104_317,
        "voting": True,
        "configuration": {"voters": list(range(1, nodes + 1))},
        "configuration_index": 1,
        "snapshot": {"index": 9_000, "term": 5, "bytes": 1_258_291},
        "compaction": {"entries": 25_000, "bytes_max": 1 << 26, "tail": 10_000},
        "age_ms": 0 if leads else 12,
        "election_in_ms": None if leads else 180 + 10 * node - 12 * (node % 4),
        "election_timeout_ms": None if leads else 180 + 10 * node,
        "in_touch": list(range(1, nodes + 1)) if leads else [],
        "last_leader": None if leader is None else {"term": 7, "id": leader},
        "elections": {
            "prevotes_tried": int(leads),
            "prevotes_won": int(leads),
            "elections_tried": int(leads),
            "elections_won": int(leads),
        },
        "commits": {"p50_ms": 3.1 if leads else None, "p99_ms": 9.2 if leads else None},
        "peers": {
            str(peer): {"rtt_ms": 0.4 + peer / 10 if leads else None, "out_per_s": 20.0}
            for peer in peers
        },
        "process": {"cpu_percent": 3.2, "rss_bytes": 31_400_000, "files": 24},
        "settings": {
            "raft": {
                "heartbeat_ms": 50,
                "election_timeout_ms": 150,
                "pre_vote": True,
                "check_quorum": True,
                "spare_ms": 20,
            },
            "limits": {"value_bytes_max": 1 << 20, "frame_bytes_max": 8 << 20},
            "recording": {"bytes_max": 64 << 20},
        },
        "up_ms": 362_000,
        "links": {str(peer): "up" for peer in peers},
        "link_errors": {},
        "progress": {},
        "faults": [],
        "node_faults": [],
        "disk": {
            "syncs": 912,
            "last_ms": 0.412,
            "p50_ms": 0.402,
            "p99_ms": 2.131,
            "full": False,
            "stalled": False,
            "bytes": 12_582_912,
            "wal_bytes": 3_355_443,
        },
        "counters": {},
        "machine": "kv",
        "last_event": None,
    }
    if leads:
        status["progress"] = {str(peer): progress_of(104_317) for peer in peers}
    return status | values


def progress_of(match: int) -> dict[str, Any]:
    return {
        "match_index": match,
        "next_index": match + 1,
        "state": "replicate",
        "inflight": 0,
        "heard_ms": 12,
        "caught_up": None,
    }


class Script:
    """Frames of one node, one after the other, a millisecond apart unless said otherwise."""

    def __init__(self, node: int, boot: int = 1, at_ns: int = START) -> None:
        self.node = node
        self.boot = boot
        self.at_ns = at_ns
        self.frames: list[Frame] = []

    def _next(self, after_ms: float) -> tuple[int, int, int, int, int]:
        self.at_ns += round(after_ms * 1e6)
        seq = self.frames[-1].seq + 1 if self.frames else 1
        return self.node, self.boot, seq, self.at_ns, self.at_ns + WALL - START

    def keyframe(self, status: Mapping[str, Any], after_ms: float = 1) -> "Script":
        self.frames.append(Keyframe(*self._next(after_ms), dict(status)))
        return self

    def changed(self, after_ms: float = 1, **values: Any) -> "Script":
        self.frames.append(Changed(*self._next(after_ms), values))
        return self

    def happened(self, kind: str, term: int = 7, after_ms: float = 1, **data: Any) -> "Script":
        self.frames.append(Happened(*self._next(after_ms), kind, term, data))
        return self

    def bulk(
        self, first: int, last: int, term: int = 7, after_ms: float = 1, told: int = 20
    ) -> "Script":
        entries = [
            {
                "index": index,
                "term": term,
                "kind": "command",
                "bytes": 43,
                "preview": f'put k{index % 17} "v-{index % 100}"',
            }
            for index in range(max(first, last - told + 1), last + 1)
        ]
        self.frames.append(Bulk(*self._next(after_ms), first, last, 100, entries))
        return self


def fold(frames: Iterable[Frame], model: ClusterModel | None = None) -> ClusterModel:
    """A model of what came; `id` is the node, as in a recording."""
    model = ClusterModel() if model is None else model
    for frame in frames:
        model.fold(frame, frame.id)
    return model


def live_cluster(nodes: int = 5, leader: int | None = 3) -> ClusterModel:
    """A model of a healthy cluster whose nodes all answer."""
    model = ClusterModel()
    model.members(range(1, nodes + 1))
    for node in range(1, nodes + 1):
        fold(Script(node).keyframe(status_of(node, nodes, leader)).frames, model)
        model.reach(node, Reach(is_open=True))
    return model


def shown(model: ClusterModel) -> dict[str, Any]:
    """All that can be seen of a model, but for which events came late."""
    return {
        "nodes": {
            node: (
                view.status,
                view.boot,
                view.seq,
                view.seen_ns,
                view.is_whole,
                view.lost,
                view.applied_index,
                view.leading_since_ns,
                list(view.runs),
                view.rate.history(model.now_ns, 60),
            )
            for node, view in sorted(model.nodes.items())
        },
        "events": [event._replace(late=False) for event in model.timeline.newest()],
        "wholes": [event._replace(late=False) for event in model.timeline.wholes],
        "entries": model.entries.newest(10_000),
        "now": model.now_ns,
    }


def in_order(streams: Iterable[Iterable[Frame]]) -> list[Frame]:
    """The frames of all, by their common clock, as a recording has them."""
    return sorted(chain.from_iterable(streams), key=lambda frame: frame.mono_ns)


# -- at random -------------------------------------------------------------------------------------
FRAMES_AT_RANDOM = ("changed", "links", "happened", "bulk", "keyframe", "gap")


@st.composite
def node_streams(draw: st.DrawFn, node: int) -> list[Frame]:
    """The frames of one node over up to three of its lives, some of them lost."""
    at_ns = START + draw(st.integers(0, SECOND))
    frames: list[Frame] = []
    applied = draw(st.integers(0, 50))
    for boot in range(1, draw(st.integers(1, 3)) + 1):
        script = Script(node, 100 * node + boot, at_ns)
        script.keyframe({"role": "follower", "term": boot, "last_applied": applied})
        for _ in range(draw(st.integers(0, 12))):
            after = draw(st.sampled_from([0.01, 1.0, 90.0, 1000.0, 3000.0]))
            match draw(st.sampled_from([*FRAMES_AT_RANDOM])):
                case "changed":
                    term = draw(st.integers(0, 9))
                    script.changed(after, term=term, last_applied=applied)
                case "links":
                    states = st.sampled_from(["up", "slow", "down"])
                    links = draw(st.dictionaries(st.sampled_from("234"), states))
                    script.changed(after, links=links)
                case "happened":
                    script.happened(
                        draw(st.sampled_from(["vote", "leader", "stop"])), after_ms=after
                    )
                case "bulk":
                    first, applied = applied + 1, applied + draw(st.integers(1, 40))
                    script.bulk(first, applied, after_ms=after)
                case "keyframe":
                    script.keyframe({"role": "leader", "last_applied": applied}, after)
                case "gap":
                    here = script._next(after)
                    script.frames.append(Gap(*here, here[2], here[2] + 2, "slow"))
                    here = (*here[:2], here[2] + 2, *here[3:])
                    script.frames.append(Keyframe(*here, {"last_applied": applied}))
        at_ns = script.at_ns + SECOND
        frames += [frame for frame in script.frames if draw(st.integers(0, 9))]
    return frames


@st.composite
def interleaved(draw: st.DrawFn, streams: Sequence[Sequence[Frame]]) -> list[Frame]:
    """The frames of all, each stream in its own order, in any order among each other."""
    places = [place for place, stream in enumerate(streams) for _ in stream]
    iterators = [iter(stream) for stream in streams]
    return [next(iterators[place]) for place in draw(st.permutations(places))]
