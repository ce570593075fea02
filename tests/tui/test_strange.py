"""Nodes that are not as they should be, seen in the viewer: another version, and a poor stream."""

import asyncio
from collections.abc import Callable

from tests.tui.frames import Script, status_of
from tests.tui.pilot import Viewer, view
from tests.tui.stand_in import MadeUp, StandIn, address_of
from tui.model import ClusterModel


async def until(viewer: Viewer, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await viewer.settle()


async def show(viewer: Viewer, source: MadeUp, *nodes: StandIn) -> None:
    """Start the nodes, and wait until the last of them leads."""
    for node in nodes:
        await node.start()
    source.address = address_of({node.node_id: node.port for node in nodes})
    await until(viewer, lambda: f"n{nodes[-1].node_id} ★ LEADER" in viewer.text("nodes"))


def test_a_node_of_another_version_says_so_on_all_pages() -> None:
    async def test(viewer: Viewer) -> None:
        strange = StandIn(1)
        strange.protocol = 9
        leader = StandIn(2, Script(2).keyframe(status_of(2, 2, leader=2)).frames)
        await show(viewer, source, strange, leader)
        words = "protocol version 9"
        await until(viewer, lambda: words in viewer.text("nodes"))
        assert "n1 REFUSES" in viewer.text("nodes")
        for keys in ("1 enter", "3", "4", "escape M", "l"):
            await viewer.press(*keys.split())
            await until(viewer, lambda: words in viewer.screen_text())
        await viewer.press("escape", "2", "enter", "3")
        assert "n1 is" not in viewer.text("tab"), "the link between them is what n2 says it is"
        await viewer.press("escape", "1", "enter")
        for row in ("vote      –", "commit    –  applied –", "boot      –"):
            assert row in viewer.text("state")
        for node in (strange, leader):
            await node.stop()

    source = MadeUp(None)
    view(test, ClusterModel(), source=source)


def test_what_is_missing_in_a_stream_is_told_and_what_comes_twice_is_not() -> None:
    async def test(viewer: Viewer) -> None:
        script = Script(1).keyframe(status_of(1, 1))
        node = StandIn(1, script.frames[:])
        await show(viewer, source, node)
        begin = len(script.frames)
        for term in range(8, 14):
            script.happened("election", term)
        told = script.frames[begin:]
        node.send([*told[:2], *told[3:5], *told[:4], *reversed(told[3:5]), told[5], told[5]])
        await viewer.press("e")
        await until(viewer, lambda: "t13" in viewer.text("list"))
        rows = viewer.text("list").splitlines()
        assert [row.split()[3] for row in rows if "election" in row] == [
            "t13", "t12", "t11", "t9", "t8",
        ]  # fmt: skip
        (gap,) = [row for row in rows if "gap" in row]
        assert "frame 4 not seen" in gap
        await node.stop()

    source = MadeUp(None)
    view(test, ClusterModel(), source=source)
