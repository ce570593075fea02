"""The app under a pilot: what each key runs, what it asks first, and what the pages show."""

import asyncio
from pathlib import Path

import pytest

from tests.tui.frames import SECOND, Script, fold, live_cluster, progress_of, status_of
from tests.tui.pilot import SMALL, RecordingRunner, Viewer, view
from tests.tui.stand_in import MadeUp, address_of
from tui.app import RaftApp
from tui.keys import KEYS
from tui.model import ClusterModel
from tui.nodes import Process, Reach
from tui.replaying import Called, Recorded
from tui.runner import NOT_STARTED, Outcome


def with_dead(model: ClusterModel, *nodes: int, how: str = "killed -9") -> ClusterModel:
    """These nodes' processes are gone."""
    for node in nodes:
        model.reach(node, Reach(False, "gone"))
        model.process(node, Process("exited", None, how))
    return model


# -- actions ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("2 s", "stop n2"),
        ("2 K", "kill n2"),
        ("2 z", "pause n2"),
        ("2 r", "restart n2"),
        ("2 t", "transfer n2"),
        ("3 t", "transfer"),
        ("2 p enter", "partition 1,3,4,5 / 2"),
        ("2 p down space enter", "partition 1,4,5 / 2,3"),
        ("2 p j j i enter", "partition 1,2,3,5 / 4"),
        ("plus k 1 down v enter", "put -- k1 v"),
        ("M plus y", "members add"),
        ("2 M P", "members demote n2"),
    ],
)
def test_keys_run_the_line_that_they_say(keys: str, line: str) -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press(*keys.split())
        assert viewer.ran == [line]
        assert f"$ raftctl {line}" in viewer.text("echo")

    view(test)


def test_the_form_of_a_link_takes_what_is_given_alone() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("1", "x", "down", *"40ms", "down", *"5%", "enter")
        assert viewer.ran == ["net --link n1:rest --latency 40ms --drop 5%"]

    view(test, chosen=1)


def test_the_form_of_a_link_asks_before_all_is_lost() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("x", "ctrl+u", *"all:all", "down", "down", *"100%", "enter")
        assert (viewer.dialog, viewer.ran) == ("Ask", [])
        assert "the largest side has 1 of 5 < 3" in viewer.screen_text()
        await viewer.press("y")
        assert viewer.ran == ["net --link all:all --drop 100%"]

    view(test)


def test_a_form_without_an_effect_stays_open() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("x", "enter")
        assert (viewer.ran, viewer.dialog) == ([], "Form")
        await viewer.press("escape")
        assert viewer.dialog == ""

    view(test)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (2, "error: '30msx' is no duration"),
        (5, "error[E_NO_QUORUM]: no quorum"),
        (NOT_STARTED, "error: it did not start"),
    ],
)
def test_a_form_stays_open_with_what_failed(code: int, why: str) -> None:
    async def test(viewer: Viewer) -> None:
        viewer.runner.outcome = Outcome(code, "", f"{why}\nhint: 10s\n", 0.1)
        await viewer.press("1", "x", "down", *"30msx", "enter")
        assert viewer.dialog == "Form"
        assert "30msx" in viewer.screen_text()
        assert f"  {why}" in viewer.screen_text()
        viewer.runner.outcome = Outcome(0, "fault #1", "", 0.1)
        await viewer.press("backspace", "enter")
        assert viewer.dialog == ""
        assert viewer.ran[-1] == "net --link n1:rest --latency 30ms"

    view(test)


@pytest.mark.parametrize(
    ("state", "key", "line"),
    [
        (Process("exited", None, "stopped"), "s", "start n2"),
        (Process("paused", 7), "z", "resume n2"),
    ],
)
def test_the_same_key_takes_a_node_down_and_up(state: Process, key: str, line: str) -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("2", key)
        assert viewer.ran == [line]

    model = live_cluster()
    model.process(2, state)
    view(test, model)


def test_the_foot_says_what_the_keys_do_to_the_chosen_node() -> None:
    async def test(viewer: Viewer) -> None:
        for node, says in (
            ("1", "s stop  K kill  z pause  r restart  p"),
            ("2", "s start  p"),
            ("4", "s stop  K kill  z resume  r restart  p"),
        ):
            await viewer.press(node)
            assert says in viewer.text("keys")
            assert (" t transfer" in viewer.text("keys")) is (node == "1")

    model = with_dead(live_cluster(), 2)
    model.process(4, Process("paused", 7))
    view(test, model)


@pytest.mark.parametrize("key", ["s", "K", "z", "r"])
def test_what_loses_the_quorum_asks_first_and_no_is_the_default(key: str) -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("3", key)
        assert (viewer.dialog, viewer.ran) == ("Ask", [])
        await viewer.press("enter")
        assert (viewer.dialog, viewer.ran) == ("", [])
        await viewer.press(key, "y")
        assert len(viewer.ran) == 1

    view(test, with_dead(live_cluster(), 1, 2))


def test_who_is_in_touch_is_another_number_than_the_quorum() -> None:
    async def test(viewer: Viewer) -> None:
        assert "in touch 3/5" in viewer.text("nodes")
        assert "quorum" not in viewer.screen_text()
        await viewer.press("p")
        assert "quorum 4/5" in viewer.screen_text(), "n5 runs, and is cut off from its leader"

    model = live_cluster()
    fold(Script(3, 9, model.now_ns).changed(in_touch=[1, 2, 3]).frames, model)
    view(test, model, chosen=4)


def test_a_partition_without_a_majority_asks_first() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("1", "p", "down", "space", "enter")
        assert viewer.dialog == "Ask"
        await viewer.press("y")
        assert viewer.ran == ["partition 3,4,5 / 1,2"]

    view(test, with_dead(live_cluster(), 5))


def test_removing_a_member_always_asks() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("2", "M", "minus")
        assert viewer.dialog == "Ask"
        await viewer.press("y")
        assert viewer.ran == ["members remove n2"]

    view(test)


def test_removing_the_leader_says_that_it_leads() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("3", "M", "minus")
        assert "remove n3, which leads, for good?" in viewer.screen_text()

    view(test)


def test_what_came_of_a_line_goes_before_how_long_it_took() -> None:
    async def test(viewer: Viewer) -> None:
        viewer.runner.outcome = Outcome(0, "n3 leads term 8, after 70 ms, and much more", "", 1.3)
        await viewer.press("1", "t")
        assert viewer.text("echo").endswith("after 70 … O all")

    view(test, size=(60, 14))


def test_what_was_done_can_be_taken_back() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("2", "K", "u")
        assert viewer.ran == ["kill n2", "start n2"]
        viewer.runner.outcome = Outcome(0, "fault #7  {n1} | {n2}\n", "", 0.1)
        await viewer.press("p", "enter", "u")
        assert viewer.ran[-1] == "heal 7"
        await viewer.press("u")
        assert viewer.ran[-1] == "heal 7", "there is nothing left to take back"

    view(test)


def test_a_failed_action_says_why_and_leaves_nothing_to_undo() -> None:
    async def test(viewer: Viewer) -> None:
        viewer.runner.outcome = Outcome(5, "", "error[E_NO_QUORUM]: no quorum\nhint: wait\n", 0.1)
        await viewer.press("2", "K")
        assert "✗ exit 5 error[E_NO_QUORUM]: no quorum" in viewer.text("echo")
        await viewer.press("u")
        assert viewer.ran == ["kill n2"]

    view(test)


def test_read_only_runs_nothing() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("2", "K", "s", "p", "x", "plus", "H", "u")
        assert (viewer.ran, viewer.dialog) == ([], "")
        assert "kill" not in viewer.text("keys")

    view(test, read_only=True)


def test_a_dead_node_is_not_killed_again() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("2", "K", "z", "r", "t")
        assert viewer.ran == []

    view(test, with_dead(live_cluster(), 2))


def test_any_line_from_the_palette() -> None:
    async def test(viewer: Viewer) -> None:
        viewer.app.open_command("log diff")
        await viewer.press("n", "1", "enter")
        await viewer.app.workers.wait_for_complete()
        assert viewer.ran == ["log diff n1"]
        await viewer.press("escape")
        assert viewer.dialog == ""

    view(test)


def test_the_palette_offers_verbs_and_keys() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("colon", *"compare two")
        await viewer.pilot.pause(0.3)
        await viewer.press("enter")
        await viewer.pilot.pause(0.1)
        await viewer.press("enter")
        assert viewer.dialog == "Command"

    view(test)


# -- what is shown ---------------------------------------------------------------------------------
def test_a_leader_that_a_newer_one_replaced_is_struck_through() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.fold(Script(4, 9, viewer.app.model.now_ns + SECOND).keyframe(
            status_of(4, 5, leader=4, term=8)).frames)  # fmt: skip
        assert "n3 LEADER stale" in viewer.text("nodes")
        assert "n4 ★ LEADER" in viewer.text("nodes")
        assert "leader n4 ★ · term 8" in viewer.text("head")

    view(test)


def test_dead_nodes_keep_their_last_values_and_say_why() -> None:
    async def test(viewer: Viewer) -> None:
        shown = viewer.text("nodes")
        assert "n2 KILLED" in shown
        assert "SIGKILL by cli" in shown
        assert "rc -9 [s] start" in shown
        assert "n4 PAUSED" in shown
        assert "[z] resume" in shown
        assert "DEGRADED  3/5 nodes" in viewer.text("head")

    model = with_dead(live_cluster(), 2)
    model.process(4, Process("paused", 7))
    view(test, model)


@pytest.mark.parametrize("size", [(60, 14), (104, 40)])
def test_of_a_node_that_told_nothing_nothing_is_made_up(size: tuple[int, int]) -> None:
    async def test(viewer: Viewer) -> None:
        rows = viewer.text("nodes")
        (gone, away) = ["KILLED" in rows, "Connection refused" in rows]
        assert (gone, away, "127.0.0.1" in rows) == (True, size[0] > 60, False)
        if size[0] > 60:
            assert rows.count("nothing known") == 2
            assert "7m05s ago" in rows
        else:
            assert rows.splitlines()[2].split()[2:5] == ["–", "–", "–"]

    model = live_cluster(1, leader=1)
    model.members((1, 2, 3))
    model.process(2, Process("exited", None, "killed -9", model.now_ns / 1e9 - 425))
    model.reach(3, Reach(False, "n3 (127.0.0.1:8103): Connection refused"))
    model.wall_offset_ns = 0
    view(test, model, size=size)


def test_the_ends_of_the_logs_with_what_is_behind_and_what_diverges() -> None:
    model = live_cluster(3, leader=1)
    at = model.now_ns
    status = status_of(1, 3, last_index=104_319, progress={"2": progress_of(104_317)})
    for script in (
        Script(1, 2, at).keyframe(status).bulk(104_300, 104_317),
        Script(2, 2, at).keyframe(status_of(2, 3, last_index=104_318)),
        Script(3, 2, at).keyframe(status_of(3, 3, last_index=90_000, commit_index=90_000)),
    ):
        for frame in script.frames:
            model.fold(frame, frame.id)
    entries = [{"index": 104_318, "term": 6}]
    document = {"entries": entries, "last_applied": 104_317}
    model.log_end(2, document)
    model.log_end(1, {**document, "entries": [{"index": 104_318, "term": 7}]})

    async def test(viewer: Viewer) -> None:
        one, two, three = viewer.text("grid").splitlines()[1:]
        assert "7   (7)   ·" in one
        assert "7● ≠(6)" in two
        assert "…90,000   14,319 behind" in three

    view(test, model)


def test_the_small_form_is_a_table() -> None:
    async def test(viewer: Viewer) -> None:
        assert "NODE  ROLE" in viewer.text("nodes")
        assert "▸ n1    FOLLOWER" in viewer.text("nodes")
        assert not viewer.page.query_one("#grid").display
        assert viewer.text("keys").endswith(":  ?  q")
        assert "kill" in viewer.text("keys")

    view(test, size=SMALL)


def test_a_terminal_that_is_too_small_is_told() -> None:
    async def test(viewer: Viewer) -> None:
        assert "50x10 is too small: 60x14 at least" in viewer.text("tiny")

    view(test, size=(50, 10))


def test_without_a_cluster_it_says_what_to_type() -> None:
    async def test(viewer: Viewer) -> None:
        assert "There is no cluster demo here" in viewer.text("nodes")
        assert "raftctl up -n 5" in viewer.text("nodes")
        viewer.app.cluster_name = ""
        await viewer.settle()
        assert "no cluster ● WAITING" in viewer.text("head")
        assert "whatever its name" in viewer.text("nodes")
        for key, panel in (("enter", "state"), ("l", "list"), ("M", "list")):
            await viewer.press(key)
            assert "there is no cluster here: raftctl up -n 5" in viewer.text(panel)
            await viewer.press("escape")

    view(test, ClusterModel(), size=(60, 14))


def test_the_cluster_that_comes_up_has_its_name_in_the_lines_that_are_run() -> None:
    async def test(viewer: Viewer) -> None:
        viewer.app.cluster_name = source.name
        source.name, source.address = "lab", address_of({1: 1})
        async with asyncio.timeout(20):
            while viewer.app.cluster_name != "lab":
                await viewer.pilot.pause()
        await viewer.press("H")
        assert viewer.app.recording is recorded
        assert "$ raftctl -c lab heal" in viewer.text("echo")
        assert viewer.ran == []
        assert lab.ran == [("heal",)]

    source, lab = MadeUp(None), RecordingRunner()
    source.name = ""
    recorded = Recorded("lab", pytest.fail)
    view(
        test,
        ClusterModel(),
        source=source,
        called=lambda name: Called(f"raftctl -c {name}", lab, recorded),
    )


@pytest.mark.parametrize("nodes", [1, 9, 25])
@pytest.mark.parametrize("size", [(60, 14), (104, 40)])
def test_clusters_of_any_size_on_terminals_of_any_size(nodes: int, size: tuple[int, int]) -> None:
    async def test(viewer: Viewer) -> None:
        for key in ("a", "e", "M", "d", "enter"):
            await viewer.press(key)
            assert "demo ●" in viewer.text("head")
        await viewer.press("escape", "p", "escape", "question_mark", "escape")

    view(test, live_cluster(nodes, leader=1), size=size)


def test_pages_replace_each_other_and_escape_leads_home() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("a", "M", "e", "enter", "escape")
        assert type(viewer.page).__name__ == "Overview"
        await viewer.press("escape")
        assert type(viewer.page).__name__ == "Overview"

    view(test)


def test_the_filter_keeps_what_matches_alone() -> None:
    async def test(viewer: Viewer) -> None:
        start = viewer.app.model.now_ns
        script = Script(1, 2, start).keyframe(status_of(1, 5, 3))
        await viewer.fold(script.happened("vote", candidate="n3").happened("truncate").frames)
        await viewer.press("slash", *"truncate", "enter")
        assert "truncate" in viewer.text("events")
        assert "vote" not in viewer.text("events")

    view(test)


def test_the_filter_looks_at_all_that_is_kept() -> None:
    async def test(viewer: Viewer) -> None:
        script = Script(1, 9, viewer.app.model.now_ns).keyframe(status_of(1, 5, 3))
        script.happened("truncate", first=1, last=2)
        for _ in range(5_000):
            script.happened("vote", candidate="n3", after_ms=0.01)
        await viewer.fold(script.frames)
        await viewer.press("e", "slash", *"truncate", "enter")
        assert "entries 1–2 gone" in viewer.text("list")

    view(test)


def test_the_cursor_stays_on_its_event_when_others_come() -> None:
    async def test(viewer: Viewer) -> None:
        script = Script(1, 9, viewer.app.model.now_ns).keyframe(status_of(1, 5, 3))
        await viewer.fold(script.happened("truncate", first=1, last=2).frames)
        await viewer.press("e", "down")
        assert next(line for line in viewer.text("list").splitlines() if "▸" in line).count("gone")
        more = Script(2, 9, script.at_ns + 1).keyframe(status_of(2, 5, 3))
        await viewer.fold(more.happened("vote", candidate="n3").happened("boot").frames)
        (chosen,) = [line for line in viewer.text("list").splitlines() if "▸" in line]
        assert "gone" in chosen

    view(test)


def test_a_frozen_picture_stays_while_the_model_goes_on() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("space")
        start = viewer.app.model.now_ns
        status = status_of(1, 5, 3, commit_index=999_999)
        await viewer.fold(Script(1, 2, start).keyframe(status).frames)
        assert "FROZEN" in viewer.text("head")
        assert "999,999" not in viewer.text("head")
        await viewer.press("space")
        assert "999,999" in viewer.text("head")

    view(test)


def test_a_click_chooses_a_node() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.pilot.click("#nodes", offset=(90, 2))
        await viewer.settle()
        assert viewer.app.chosen == 5

    view(test)


def test_keys_can_be_others() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("2", "K")
        assert viewer.ran == []
        await viewer.press("ctrl+k")
        assert viewer.ran == ["kill n2"]
        assert "ctrl+k kill" in viewer.text("keys")
        assert "[f9] start" in viewer.text("nodes")

    keymap = {"node.kill": "ctrl+k", "node.toggle": "f9"}
    view(test, with_dead(live_cluster(), 1), keymap=keymap)


def test_a_screenshot_lies_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def test(viewer: Viewer) -> None:
        await viewer.press("ctrl+s")

    view(test)
    (saved,) = tmp_path.glob("raftctl-demo-*.svg")
    assert "LEADER" in saved.read_text()


@pytest.mark.parametrize("read_only", [False, True])
def test_who_opens_a_page_that_acts_is_told_what_that_means(
    read_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RaftApp, "is_web", True)

    async def test(viewer: Viewer) -> None:
        assert ("can run any verb of raftctl" in viewer.told) is not read_only
        await viewer.press("2", "K", "W")
        assert "a browser has no folder here" in viewer.told or read_only

    view(test, read_only=read_only)


def test_no_other_signs_when_asked_for() -> None:
    async def test(viewer: Viewer) -> None:
        for keys in ((), ("enter",), ("3",), ("e",), ("p",), ("escape", "x"), ("escape", "1", "r")):
            await viewer.press(*keys)
            shown = viewer.screen_text()
            assert shown.isascii(), {sign for sign in shown if ord(sign) > 127}

    view(test, with_dead(live_cluster(), 4, 5), ascii_only=True)


def test_every_shown_key_leads_somewhere() -> None:
    async def test(viewer: Viewer) -> None:
        for key in KEYS:
            name = key.action.partition("(")[0]
            assert hasattr(viewer.app, f"action_{name}"), key

    view(test)


def test_quitting_ends_the_app_and_nothing_else() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("q")
        assert viewer.ran == []

    view(test)


def test_lines_that_did_not_change_are_not_painted_again() -> None:
    async def test(viewer: Viewer) -> None:
        panel = viewer.page.panel("nodes")
        before = list(panel._strips)
        viewer.app.paint()
        assert all(one is other for one, other in zip(before, panel._strips, strict=True))

    view(test)


def test_a_page_that_is_just_opened_may_be_painted_at_once() -> None:
    async def test(viewer: Viewer) -> None:
        for name in ("applied", "events", "members", "log", "diff", "node"):
            viewer.app.action_show(name)
            viewer.app.paint()
        viewer.app.action_partition()
        viewer.app.paint()
        await viewer.settle()
        assert "demo ●" in viewer.text("head")
        assert viewer.dialog == "PartitionEditor"

    view(test)


def test_a_bug_ends_it_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    async def test(viewer: Viewer) -> None:
        viewer.app.call_later(lambda: 1 // 0)
        await viewer.pilot.pause()

    with pytest.raises(ZeroDivisionError):
        view(test)
    assert "Traceback" not in "".join(capsys.readouterr())


def test_a_node_that_goes_leaves_the_choice_to_its_neighbour() -> None:
    async def test(viewer: Viewer) -> None:
        viewer.app.model.members((1, 2, 4, 5))
        await viewer.settle()
        assert viewer.app.chosen == 2

    view(test, live_cluster(5, leader=1), chosen=3)


def test_a_node_that_was_not_reached_yet_degrades_nothing() -> None:
    async def test(viewer: Viewer) -> None:
        assert "LIVE  4/5 nodes" in viewer.text("head")
        viewer.app.model.reach(5, Reach(why="refused"))
        await viewer.settle()
        assert "DEGRADED  4/5 nodes" in viewer.text("head")

    model = live_cluster(4)
    model.members(range(1, 6))
    view(test, model)
