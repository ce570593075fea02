"""The inspector of logs: to move, to find, to compare, and to take away what was found."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from node.wire.codec import encode_frame
from node.wire.messages import Document, ReadLog
from tests.tui.frames import Script, fold, live_cluster, status_of
from tests.tui.pilot import Viewer, view
from tests.tui.stand_in import MadeUp, StandIn, address_of
from tests.tui.test_app import with_dead
from tests.tui.test_replay import recorded, short_film
from tui.drawing.logs import times_of
from tui.drawing.moment import Moment
from tui.model import ClusterModel
from tui.nodes import Process


def told() -> ClusterModel:
    """Five nodes of which the first told entries 1 to 300, then 40 more with the newest of them."""
    model = live_cluster()
    status = status_of(1, 5, 3, first_index=1, last_index=345, commit_index=340)
    script = Script(1, 9, model.now_ns).keyframe({**status, "last_applied": 0})
    fold(script.bulk(1, 300, told=300).bulk(301, 340).frames, model)
    return model


def log_of(last: int, term: int = 7) -> dict[str, Any]:
    """As a node answers: whichever entries are asked for, all of them."""
    return {
        "first_index": 1,
        "last_index": last,
        "commit_index": last - 1,
        "last_applied": last - 1,
        "entries": [
            {"index": n, "term": term, "kind": "command", "bytes": 9, "preview": f"put k{n} v"}
            for n in range(1, last + 1)
        ],
    }


class Paged(StandIn):
    """It gives as much of its log as it is asked for, and as goes into an answer."""

    entries_max = 500

    def __init__(self, node_id: int) -> None:
        super().__init__(node_id)
        self.asked: list[int] = []
        """From which entries on."""
        self.held: list[tuple[ReadLog, asyncio.StreamWriter]] | None = None
        """What it will answer when it is let go; None: it answers at once."""

    def tell_log(self, message: ReadLog, writer: asyncio.StreamWriter) -> None:
        self.asked.append(message.first)
        if self.held is not None:
            self.held.append((message, writer))
            return
        assert self.log is not None, "it has one"
        span = range(message.first, (message.last or self.log["last_index"]) + 1)
        some = [each for each in self.log["entries"] if each["index"] in span]
        answer = {**self.log, "entries": some[: min(message.limit, self.entries_max)]}
        writer.write(encode_frame(Document(message.id, answer)))

    def let_go(self) -> None:
        held, self.held = self.held or [], None
        for message, writer in held:
            self.tell_log(message, writer)


def over_nodes(
    test: Callable[[Viewer], Awaitable[None]],
    *logs: dict[str, Any],
    nodes: Sequence[StandIn] = (),
) -> None:
    """Run `test` on the log page, over stand-ins that have these logs."""
    nodes = nodes or [StandIn(at) for at in range(1, len(logs) + 1)]

    async def run(viewer: Viewer) -> None:
        for node, log in zip(nodes, logs, strict=True):
            node.log = log
            await node.start()
        source = MadeUp(address_of({node.node_id: node.port for node in nodes}))
        viewer.app._source = source
        try:
            await viewer.press("1", "l")
            await shows(viewer, "put k")
            await test(viewer)
        finally:
            for node in nodes:
                await node.stop()

    model = live_cluster(len(logs), leader=2)
    for at, log in enumerate(logs, 1):
        ends = {"first_index": 1, "last_index": log["last_index"]}
        status = status_of(at, len(logs), 2, commit_index=log["commit_index"], **ends)
        fold(Script(at, 9, model.now_ns).keyframe(status).frames, model)
    view(run, model)


async def until(viewer: Viewer, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await viewer.pilot.pause(0.01)


async def shows(viewer: Viewer, words: str) -> None:
    await until(viewer, lambda: words in viewer.screen_text())


def chosen(viewer: Viewer) -> int | None:
    """The entry that the cursor stands on."""
    found = re.search(r"▸.\s*([0-9,]+)", viewer.text("list"))
    return None if found is None else int(found[1].replace(",", ""))


def test_to_an_index_and_from_there_to_what_is_looked_for() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("g", *"12", "enter")
        assert chosen(viewer) == 12
        await viewer.press("slash", *"K2", "enter")
        await until(viewer, lambda: chosen(viewer) == 20)
        await viewer.press("n")
        await until(viewer, lambda: chosen(viewer) == 21)
        await viewer.press("N", "N")
        await until(viewer, lambda: chosen(viewer) == 2)
        await viewer.press("N")
        await until(viewer, lambda: chosen(viewer) == 29)
        assert "from the end on again" in viewer.told
        await viewer.press("n")
        await until(viewer, lambda: chosen(viewer) == 2)
        assert "from the beginning on again" in viewer.told
        await viewer.press("slash", *["backspace"] * 9, *"egg", "enter")
        await until(viewer, lambda: "nothing in this log with 'egg'" in viewer.told)
        assert chosen(viewer) == 2
        await viewer.press("f")
        assert chosen(viewer) is None

    over_nodes(test, log_of(60), log_of(60))


def test_a_far_entry_is_read_at_once_and_not_told_before() -> None:
    node = Paged(1)

    async def test(viewer: Viewer) -> None:
        await viewer.press("g", "1", "enter")
        await until(viewer, lambda: chosen(viewer) == 1)
        node.held, node.asked = [], []
        await viewer.press("g", *"1,400", "enter")
        assert "log n1  going to 1,400" in viewer.screen_text()
        assert viewer.text("list").strip() == "reading ..."
        await viewer.press("y")
        assert viewer.told == "no entry is chosen here"
        node.let_go()
        await until(viewer, lambda: chosen(viewer) == 1_400)
        assert "log n1  at 1,400" in viewer.screen_text()
        assert set(node.asked) <= {1, 1_200}, "it does not crawl there"
        await viewer.press("up")
        assert chosen(viewer) == 1_399
        await viewer.press("slash", *"k1450", "enter")
        await until(viewer, lambda: chosen(viewer) == 1_450)

    over_nodes(test, log_of(1_500), nodes=[node])


def test_an_entry_is_reached_where_an_answer_holds_few() -> None:
    node = Paged(1)
    node.entries_max = 3

    async def test(viewer: Viewer) -> None:
        await viewer.press("g", *"700", "enter")
        await until(viewer, lambda: chosen(viewer) == 700)
        assert node.asked[-1] == 699

    over_nodes(test, log_of(1_500), nodes=[node])


def test_the_entry_under_the_cursor_is_copied() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("g", *"1,000", "enter")
        await viewer.press("up", "y")
        assert viewer.app.clipboard == "59 t7 put k59 v", "beyond the end is the end"

    over_nodes(test, log_of(60), log_of(60))


def test_the_second_log_is_any_node_s() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("d")
        await shows(viewer, "n1 | n2")
        await viewer.press("o")
        await shows(viewer, "t8 put k60 v")
        assert "log n1 | n3" in viewer.screen_text()
        assert "ILLEGAL" in viewer.text("list")

    over_nodes(test, log_of(60), log_of(60), log_of(60, term=8))


def test_entries_are_written_by_the_line_that_is_shown() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("g", *"12", "enter")
        await viewer.press("x", "down", *"20", "down", *"out.jsonl", "enter")
        line = "log show n1 --from 12 --to 20 -o jsonl > out.jsonl"
        assert viewer.ran == [line]
        assert f"$ raftctl {line}" in viewer.text("echo")

    over_nodes(test, log_of(60), log_of(60))


def test_who_may_only_look_may_write_what_is_seen() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("1", "l", "x")
        assert "empty: its end" in viewer.screen_text()
        await viewer.press("down", "down", *"out.jsonl", "enter")
        assert viewer.ran == ["log show n1 --from 1 -o jsonl > out.jsonl"]

    view(test, told(), read_only=True)


def test_of_a_dead_node_its_stream_is_what_is_known() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("1", "l")
        await shows(viewer, "n1 does not answer: what it told, as of")
        shown = viewer.text("list")
        assert "340" in shown
        assert "⋯  20 that nobody described" in shown
        await viewer.press("slash", *"t7", "enter")
        await until(viewer, lambda: chosen(viewer) == 340)

    view(test, with_dead(told(), 1))


def test_a_recording_shows_as_much_of_a_log_as_it_holds() -> None:
    film = short_film()

    async def test(viewer: Viewer) -> None:
        film.seek(film.end_ns)
        await viewer.press("1", "l")
        assert "what the recording tells" in viewer.screen_text()
        assert 'put k11 "v-0"' in viewer.text("list")
        await viewer.press("x", *"out.jsonl", "enter")
        assert viewer.ran == ["events --run demo --kind applied -o jsonl > out.jsonl"]

    view(test, film=film, recording=recorded(film))


def test_when_an_entry_was_proposed_is_known_from_the_stream() -> None:
    model = live_cluster(2, leader=1)
    model.wall_offset_ns = 0
    one = Script(1, 9, model.now_ns).keyframe(status_of(1, 2, 1, last_index=10, commit_index=10))
    one.changed(100, last_index=12).changed(50, commit_index=11).changed(2_000, commit_index=12)
    fold(one.frames, model)
    moment = Moment(model=model, now_ns=model.now_ns, name="demo")
    first, later = (times_of(moment, model.nodes[1], index) for index in (11, 12))
    assert times_of(moment, model.nodes[1], 10) == ("–", "–"), "it was there before"
    assert first[0] == later[0] != "–"
    assert (first[1], later[1]) == ("<0.1s", "2.0s")
    assert times_of(moment, model.nodes[1], 13) == ("–", "–")


def test_what_was_truncated_is_not_taken_for_what_came_in_its_place() -> None:
    model = live_cluster(2, leader=1)
    two = Script(2, 9, model.now_ns).keyframe(status_of(2, 2, 1, last_index=10, commit_index=10))
    two.changed(100, last_index=12).changed(5_000, last_index=10).changed(100, last_index=11)
    fold(two.frames, model)
    view_of_two = model.nodes[2]
    assert view_of_two.growth.appended_at(11) == two.frames[-1].mono_ns


def test_without_an_entry_there_is_none_to_go_to() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("l", "g")
        assert viewer.dialog == ""
        assert "no entry to go to" in viewer.told

    view(test, ClusterModel())


@pytest.mark.parametrize("keys", ["d", "l d", "l o"])
def test_without_another_node_there_is_no_log_to_put_beside(keys: str) -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press(*keys.split())
        assert viewer.told == "there is no other node: no log to put beside this one"
        assert "log n1  following" in viewer.screen_text()

    view(test, live_cluster(1, leader=1))


def test_a_log_that_nobody_answers_for_is_not_put_beside() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("l", "d")
        assert "no other node answers" in viewer.told

    model = live_cluster(3, leader=1)
    for node in (2, 3):
        model.process(node, Process("exited", None, "killed -9", None))
    view(test, model, chosen=1)
