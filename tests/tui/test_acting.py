"""What is done to a cluster from the viewer: when it asks, when not, and how it is taken back."""

import asyncio
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.tui.frames import Script, fold, live_cluster, status_of
from tests.tui.pilot import Viewer, view
from tests.tui.test_app import with_dead
from tests.tui.test_replay import short_film
from tui import actions
from tui.acting import NOT_FOUND, SHOWS_NS
from tui.actions import Action
from tui.drawing.moment import Moment
from tui.model import ClusterModel
from tui.nodes import Process, Reach
from tui.replay import Film
from tui.runner import NOT_STARTED, Outcome, Subprocesses
from tui.script import Ran, fault_made, script_of
from tui.takeback import take_back
from tui.undo import Partition, Undo, standing_partition


class Slow:
    """A runner whose commands end when the test says so."""

    def __init__(self, viewer: Viewer) -> None:
        self.ran: list[tuple[str, ...]] = []
        self.end = asyncio.Event()
        self.stop: asyncio.Event | None = None
        viewer.app.runner = self

    async def run(
        self,
        arguments: Sequence[str],
        on_output: Callable[[str], None] | None = None,
        stop: asyncio.Event | None = None,
        into: str = "",
    ) -> Outcome:
        self.ran.append(tuple(arguments))
        self.stop = stop
        await self.end.wait()
        return Outcome(0, "done", "", 0.1)


def apart(model: ClusterModel, *sides: set[int]) -> ClusterModel:
    """All links between the sides are cut; node 3 leads five nodes."""
    for node in model.nodes:
        peers = {peer for side in sides if node in side for peer in side}
        links = {str(peer): "up" if peer in peers else "cut" for peer in model.nodes}
        script = Script(node, 9, model.now_ns).keyframe(status_of(node, 5, 3, links=links))
        fold(script.frames, model)
    return model


def in_force(model: ClusterModel, fault: int, *sides: set[int], until: float | None = None) -> None:
    """All nodes tell of a partition."""
    cut = [(a, b) for side in sides for a in side for b in set(model.nodes) - side]
    rules = [
        {"fault": fault, "src": a, "dst": b, "cut": True, "name": "", "expires_at": until}
        for a, b in cut
    ]
    for node in model.nodes:
        script = Script(node, 9, model.now_ns).keyframe(status_of(node, 5, 3, faults=rules))
        fold(script.frames, model)


# -- the quorum ------------------------------------------------------------------------------------
def test_the_quorum_is_that_of_nodes_that_reach_each_other() -> None:
    model = apart(live_cluster(), {1, 2}, {3, 4, 5})
    moment = Moment(model=model, now_ns=model.now_ns, name="demo")
    quorum = actions.quorum_of(moment, actions.alive(moment))
    assert (quorum.have, quorum.is_there) == (3, True)
    for node, asks in ((1, False), (4, True)):
        action = actions.kill(moment, model.nodes[node])
        assert bool(action.question) is asks


def test_keys_that_come_fast_ask_as_slow_ones_do() -> None:
    async def test(viewer: Viewer) -> None:
        slow = Slow(viewer)
        for key in ("1", "K", "2", "K", "3", "K"):
            await viewer.pilot.press(key)
        assert viewer.dialog == "Ask"
        assert slow.ran == [("kill", "n1"), ("kill", "n2")]
        await viewer.pilot.press("n")
        slow.end.set()
        await viewer.press("3", "K")
        assert viewer.dialog == "Ask", "they have ended, and the model does not show it yet"
        await viewer.press("n", "1", "s")
        assert slow.ran[-1] == ("stop", "n1")

    view(test)


def test_a_form_runs_its_line_once_and_can_be_left_before_that_ends() -> None:
    async def test(viewer: Viewer) -> None:
        slow = Slow(viewer)
        for key in ("plus", "k", "down", "v", "enter", "enter", "escape"):
            await viewer.pilot.press(key)
        assert (viewer.dialog, slow.ran) == ("", [("put", "--", "k", "v")])
        slow.end.set()
        await viewer.settle()
        assert "$ raftctl put -- k v  ✓ done" in viewer.text("echo")

    view(test)


def test_what_a_command_took_away_counts_for_gone_until_the_model_had_time_to_show_it() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("1", "K")
        now_ns = viewer.app.model.now_ns
        assert viewer.app.leaving(now_ns + SHOWS_NS - 1) == {1}
        assert viewer.app.leaving(now_ns + SHOWS_NS) == set()
        await viewer.press("u")
        assert viewer.app.leaving(now_ns) == set(), "it was started"

    view(test)


@pytest.mark.parametrize("line", [("/no/such/command",), ("true", "a\0b"), ("true", "\ud800")])
def test_a_command_that_cannot_start_is_one_that_failed(line: tuple[str, ...]) -> None:
    outcome = asyncio.run(Subprocesses(line[:1]).run(line[1:]))
    assert outcome.code == NOT_STARTED
    assert outcome.headline.startswith("error: it did not start: ")


# -- taking back -----------------------------------------------------------------------------------
def test_an_undo_that_takes_the_quorum_asks_too() -> None:
    async def test(viewer: Viewer) -> None:
        model = viewer.app.model
        await viewer.press("1", "s")
        for node in (1, 4, 5):
            model.process(node, Process("running", node))
            model.reach(node, Reach(is_open=True))
        with_dead(model, 4, 5)
        await viewer.press("u")
        assert (viewer.dialog, viewer.ran) == ("Ask", ["start n1"])
        await viewer.press("n", "u", "y")
        assert viewer.ran == ["start n1", "stop n1"]
        await viewer.press("u")
        assert viewer.ran == ["start n1", "stop n1"], "nothing is left to take back"

    view(test, with_dead(live_cluster(), 1))


def test_an_undo_that_failed_can_be_tried_again() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("2", "K")
        viewer.runner.outcome = Outcome(1, "", "error: the disk is full", 0.1)
        await viewer.press("u")
        viewer.runner.outcome = Outcome(0, "done", "", 0.1)
        await viewer.press("u", "u")
        assert viewer.ran == ["kill n2", "start n2", "start n2"]

    view(test)


def test_the_same_is_not_taken_back_twice_at_once() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("2", "K")
        slow = Slow(viewer)
        await viewer.pilot.press("u")
        await viewer.pilot.press("u")
        slow.end.set()
        await viewer.settle()
        assert slow.ran == [("start", "n2")]

    view(test)


def test_in_another_cluster_there_is_nothing_to_take_back() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("2", "K")
        viewer.app.forget_actions()
        await viewer.press("u")
        assert viewer.ran == ["kill n2"]

    view(test)


def test_the_undo_of_a_second_partition_restores_the_first() -> None:
    async def test(viewer: Viewer) -> None:
        viewer.runner.outcome = Outcome(0, "fault #1  1,2 | 3,4,5\n", "", 0.1)
        await viewer.press("1", "p", "down", "space", "enter")
        in_force(viewer.app.model, 1, {1, 2}, {3, 4, 5})
        viewer.runner.outcome = Outcome(0, "fault #2  4,5 | 1,2,3\n", "", 0.1)
        await viewer.press("4", "p", "down", "space", "enter")
        if viewer.dialog:
            await viewer.press("y")
        assert viewer.ran[-1] == "partition 1,2,3 / 4,5"
        viewer.runner.outcome = Outcome(0, "fault #3  1,2 | 3,4,5\n", "", 0.1)
        await viewer.press("u")
        assert viewer.ran[-1] == "partition 1,2 / 3,4,5"
        await viewer.press("u")
        assert viewer.ran[-1] == "heal 3", "it has another number since"

    view(test)


def test_a_partition_that_would_be_over_is_not_restored() -> None:
    model = live_cluster()
    wall_s = model.now_ns / 1e9 + model.wall_offset_ns / 1e9
    in_force(model, 1, {1, 2}, {3, 4, 5}, until=wall_s + 10)
    moment = Moment(model=model, now_ns=model.now_ns, name="demo")
    action = actions.partition(moment, [{1}, {2, 3, 4, 5}])
    assert isinstance(action, Action)
    assert action.undo is not None
    undo = action.undo.after("fault #2  1 | 2,3,4,5")
    assert undo is not None
    assert undo.now(wall_s + 4) == ("partition", "1,2", "/", "3,4,5", "--for", "6.0s")
    assert undo.now(wall_s + 11) == ("heal", "2")


def test_links_that_make_no_sides_are_restored_one_by_one() -> None:
    before = Partition("1", "odd", frozenset({(1, 2), (3, 1)}), None)
    line = "partition --one-way 1:2 --one-way 3:1 --as odd"
    assert " ".join(before.arguments([1, 2, 3])) == line


def test_a_restored_partition_that_takes_the_quorum_asks() -> None:
    model = with_dead(live_cluster(), 5)
    in_force(model, 1, {1, 2}, {3, 4, 5})
    moment = Moment(model=model, now_ns=model.now_ns, name="demo")
    before = standing_partition(moment)
    assert before is not None
    action = take_back(moment, Undo(before.arguments(model.ids()), before))
    assert "the largest side has 2 of 5 < 3" in action.question


def test_a_partition_counts_without_the_one_that_it_replaces() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("1", "p", "down", "space")
        assert "quorum 3/5" in viewer.screen_text()
        await viewer.press("enter")
        assert viewer.ran == ["partition 3,4,5 / 1,2"]

    model = apart(live_cluster(), {1, 2, 3}, {4, 5})
    in_force(model, 1, {1, 2, 3}, {4, 5})
    view(test, model)


@pytest.mark.parametrize(("code", "tries"), [(1, 2), (NOT_FOUND, 1)])
def test_an_undo_that_fails_makes_way_for_the_one_before(code: int, tries: int) -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("1", "K", "2", "K")
        viewer.runner.outcome = Outcome(code, "", "error: no", 0.1)
        await viewer.press(*"u" * (tries + 1))
        assert viewer.ran[2:] == ["start n2"] * tries + ["start n1"]

    view(test)


@pytest.mark.parametrize("keys", [("r",), ("M", "plus", "y")])
def test_what_was_before_an_action_without_undo_is_taken_back_only_when_that_is_meant(
    keys: tuple[str, ...],
) -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("1", "K", "2", *keys)
        done = list(viewer.ran)
        await viewer.press("u")
        assert (viewer.dialog, viewer.ran) == ("Ask", done)
        await viewer.press("n", "u", "y")
        assert viewer.ran == [*done, "start n1"]

    view(test)


# -- members ---------------------------------------------------------------------------------------
def test_a_change_of_members_asks_by_what_it_leaves() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("1", "M", "P")
        assert (viewer.dialog, viewer.ran) == ("Ask", []), "2 of 4 voters are left"
        await viewer.press("n", "4", "P")
        assert viewer.ran == ["members demote n4"], "it is dead: 3 of 4 are left"
        await viewer.press("u")
        assert viewer.ran[-1] == "members promote n4"

    view(test, with_dead(live_cluster(), 4, 5))


def test_a_new_member_asks_with_the_quorum_that_there_will_be() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("M", "plus")
        assert (viewer.dialog, viewer.ran) == ("Ask", [])
        assert "6 voters: quorum 4; now 5: 3" in viewer.screen_text()
        await viewer.press("enter")
        assert (viewer.dialog, viewer.ran) == ("", []), "No is the default"

    view(test)


def test_without_a_quorum_no_change_of_members_goes_through_unasked() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("1", "M", "plus")
        assert (viewer.dialog, viewer.ran) == ("Ask", [])
        await viewer.press("n", "P")
        assert (viewer.dialog, viewer.ran) == ("Ask", [])

    view(test, with_dead(live_cluster(), 3, 4, 5))


@pytest.mark.parametrize("film", [None, short_film()])
def test_who_may_change_nothing_is_offered_nothing_that_does(film: Film | None) -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("M")
        keys = viewer.text("keys")
        assert "remove" not in keys
        assert "promote" not in keys
        await viewer.press("plus", "minus", "P", "b")
        assert (viewer.ran, viewer.dialog) == ([], "")
        await viewer.press("question_mark")
        shown = viewer.screen_text()
        assert "members.remove" not in shown
        assert "node.kill" not in shown
        assert "view.log" in shown
        await viewer.press("escape", "enter")
        assert "heal this link" not in viewer.screen_text()

    view(test, film=film, read_only=film is None, size=(104, 90))


def test_cards_offer_no_key_that_is_refused() -> None:
    async def test(viewer: Viewer) -> None:
        assert "[s] start" not in viewer.text("nodes")

    view(test, with_dead(live_cluster(), 2), read_only=True)


def test_a_notice_names_the_key_that_helps() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("2", "K")
        assert viewer.told == "n2 does not run: [s] start"

    view(test, with_dead(live_cluster(), 2))


# -- commands --------------------------------------------------------------------------------------
PRINT = "import sys, time; sys.stdout.write('a' * 16383 + 'ж\\n'); sys.stdout.flush()"


def test_a_letter_that_is_cut_in_two_on_its_way_is_one_letter() -> None:
    told: list[str] = []
    asyncio.run(Subprocesses([sys.executable, "-c"]).run([PRINT], told.append))
    assert "".join(told).endswith("aж\n")
    assert "\ufffd" not in "".join(told)


def test_a_long_line_is_told_whole() -> None:
    told: list[str] = []
    code = "print('a' * 100_000); print('b')"
    asyncio.run(Subprocesses([sys.executable, "-c"]).run([code], told.append))
    assert told[0].startswith("a" * 100_000 + "\n")


def test_a_command_that_is_stopped_says_what_it_has() -> None:
    code = "import signal, time; signal.signal(15, lambda *_: exit(print('so far')));"
    code += "print('begun', flush=True); time.sleep(60)"

    async def run() -> Outcome:
        stop = asyncio.Event()
        runner = Subprocesses([sys.executable, "-c"])
        return await runner.run([code], lambda _: stop.set(), stop)

    assert asyncio.run(run()).printed == "begun\nso far\n"


@pytest.mark.parametrize("says", ["", "y" * 600_000], ids=["says nothing", "says much"])
def test_a_command_that_is_left_has_tidied_up_when_the_viewer_is_gone(
    tmp_path: Path, says: str
) -> None:
    path = tmp_path / "tidied"
    code = "import pathlib, signal, sys, time; tidied = pathlib.Path(sys.argv[1]);"
    code += f"say = lambda: print('y' * {len(says)}, flush=True);"
    code += "signal.signal(15, lambda *_: exit(say() or time.sleep(0.3) or tidied.touch()));"
    code += "print('begun', flush=True); time.sleep(60)"

    async def leave() -> None:
        begun = asyncio.Event()
        runner = Subprocesses([sys.executable, "-c"])
        running = asyncio.create_task(runner.run([code, str(path)], lambda _: begun.set()))
        await begun.wait()
        running.cancel()
        await asyncio.sleep(0)

    asyncio.run(leave())
    assert path.exists()


def test_data_goes_to_a_new_file_of_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    runner = Subprocesses([sys.executable, "-c"])
    outcome = asyncio.run(runner.run(["print(7)"], into=str(path)))
    assert (outcome.code, outcome.printed, path.read_text()) == (0, "", "7\n")
    assert path.stat().st_mode & 0o777 == 0o600
    again = asyncio.run(runner.run(["print(8)"], into=str(path)))
    assert again.code == NOT_STARTED
    assert again.headline.startswith("error: File exists"), "paths are long: the reason is first"
    assert path.read_text() == "7\n"


def test_load_runs_in_its_pane_and_ends_when_it_is_left() -> None:
    async def test(viewer: Viewer) -> None:
        slow = Slow(viewer)
        await viewer.pilot.press("b", *"2s", "enter")
        await viewer.pilot.pause()
        line = "bench put --duration 2s --inflight 256 --size 100"
        assert " ".join(slow.ran[-1]) == line
        assert f"$ raftctl {line}" in viewer.screen_text()
        assert slow.stop is not None
        await viewer.pilot.press("escape")
        assert slow.stop.is_set()
        assert viewer.dialog == "Bench"
        slow.end.set()
        await viewer.app.workers.wait_for_complete()
        await viewer.settle()
        assert "exit 0, 0.1s" in viewer.screen_text()
        await viewer.press("escape")
        assert viewer.dialog == ""

    view(test)


def test_what_was_done_becomes_a_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    async def test(viewer: Viewer) -> None:
        await viewer.press("2", "K")
        viewer.runner.outcome = Outcome(5, "", "error: no quorum", 0.1)
        await viewer.press("1", "s", "W")

    view(test, line="raftctl --home 'a b'")
    (path,) = tmp_path.glob("raftctl-demo-done-*.sh")
    assert path.stat().st_mode & 0o777 == 0o600
    lines = path.read_text().splitlines()
    assert "raftctl --home 'a b' kill n2" in lines
    assert "# raftctl --home 'a b' stop n1" in lines, "it failed"


def test_what_was_done_becomes_a_scenario_by_a_command_line() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("X")
        assert "chaos record --since 20" in viewer.screen_text()
        await viewer.press(*["backspace"] * 40)
        assert "give the file a name" in viewer.screen_text()
        await viewer.press("enter")
        assert viewer.dialog == "Form"
        await viewer.press(*"mine.toml", "enter")
        (line,) = viewer.ran
        time = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"
        assert re.fullmatch(rf"chaos record --since {time} -- mine\.toml", line)
        assert f"$ raftctl {line}  ✓" in viewer.screen_text()
        await viewer.press("W")
        assert viewer.told == "nothing was done yet", "it changed nothing"

    view(test, size=(120, 40))


@pytest.mark.parametrize("film", [None, short_film()])
def test_who_may_change_nothing_has_done_nothing_to_export(film: Film | None) -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("X")
        assert (viewer.dialog, viewer.ran) == ("", [])

    view(test, film=film, read_only=film is None)


def test_lines_say_that_the_viewer_typed_them() -> None:
    code = "import os; print(os.environ['RAFTCTL_BY'])"
    outcome = asyncio.run(Subprocesses([sys.executable, "-c"]).run([code]))
    assert outcome.printed == "tui\n"


def test_a_script_heals_its_faults_whatever_number_they_have_then() -> None:
    ran = [
        Ran("raftctl", ("partition", "1", "/", "2,3"), 0.0, 0, "3"),
        Ran("raftctl", ("net", "--link", "n1:n2", "--drop", "5%", "--as", "bad"), 0.0, 0, "4"),
        Ran("raftctl", ("heal", "3"), 0.0, 0),
        Ran("raftctl", ("heal", "4"), 0.0, 0),
        Ran("raftctl", ("heal",), 0.0, 0),
    ]
    lines = [line for line in script_of(ran, "demo").splitlines() if line.startswith("raftctl")]
    assert lines == [
        "raftctl partition 1 / 2,3 --as viewer-3",
        "raftctl net --link n1:n2 --drop 5% --as bad",
        "raftctl heal viewer-3",
        "raftctl heal bad",
        "raftctl heal",
    ]


@pytest.mark.parametrize(
    ("line", "printed", "made"),
    [
        ("partition 1 / 2,3", "fault #3  1 | 2,3", "3"),
        ("get k", "fault #3", ""),
        ("net show", "", ""),
    ],
)
def test_only_what_makes_faults_is_asked_for_their_number(
    line: str, printed: str, made: str
) -> None:
    assert fault_made(line.split(), Outcome(0, printed, "", 0.1)) == made


def test_what_only_read_is_not_in_the_script() -> None:
    async def test(viewer: Viewer) -> None:
        viewer.app.open_command("status")
        await viewer.press("enter")
        await viewer.press("escape", "W")
        assert viewer.told == "nothing was done yet"

    view(test)


def test_a_comment_of_the_script_stays_one() -> None:
    text = script_of([Ran("raftctl", ("put", "k", "a\nrm x"), 0.0, 1)], "demo")
    assert "\n# rm x'" in text


# -- which nodes -----------------------------------------------------------------------------------


def test_in_a_held_picture_what_is_done_is_done_to_the_nodes_as_they_are() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("space")
        with_dead(viewer.app.model, 1, 2)
        await viewer.press("3", "K")
        assert (viewer.dialog, viewer.ran) == ("Ask", [])
        await viewer.press("n", "1", "s")
        assert viewer.ran == ["start n1"], "the picture shows it alive, and it is dead"

    view(test, live_cluster())
