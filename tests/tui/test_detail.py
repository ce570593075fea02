"""The page of a node: its tabs, what they show, and what they do not know."""

import asyncio
from typing import Any

import pytest

from tests.tui.frames import Script, fold, live_cluster, status_of
from tests.tui.pilot import SMALL, Viewer, view
from tests.tui.scenes import in_trouble
from tests.tui.stand_in import MadeUp
from tests.tui.test_replay import short_film
from tui.drawing.detail import link_words, peer_lines, state_lines
from tui.drawing.moment import Moment
from tui.drawing.settings import settings_lines
from tui.drawing.text import Line
from tui.model import ClusterModel
from tui.nodes import Process, Reach
from tui.screens.log import LogPage


def text_of(lines: list[Line]) -> str:
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def moment_of(model: ClusterModel) -> Moment:
    return Moment(model, model.now_ns, "demo")


def one(status: dict[str, Any]) -> ClusterModel:
    """A live node that told this."""
    model = fold(Script(1).keyframe(status).frames)
    model.reach(1, Reach(is_open=True))
    return model


def test_state_shows_what_the_node_measured() -> None:
    model = in_trouble()
    shown = text_of(state_lines(moment_of(model), model.nodes[3], 60))
    assert "elections won 1/1  prevotes 1/1" in shown
    assert "fsync     p50 0.40ms  p99 2.1ms  912×" in shown
    assert "commits   p50 3.1ms  p99 9.2ms" in shown
    assert "disk      wal 3.4MB  database 12.6MB" in shown
    assert "process   cpu 3%  rss 31.4MB  fds 24" in shown
    assert "up        6m02s  pid 4123" in shown
    cut_off = text_of(state_lines(moment_of(model), model.nodes[4], 60))
    assert "leader    n4 (t6) seen last" in cut_off
    assert "elections won 1/1  prevotes 1/412" in cut_off


def test_what_a_node_did_not_tell_is_a_dash_in_every_tab() -> None:
    model = one({"role": "follower", "term": 3})
    moment, node = moment_of(model), model.nodes[1]
    state = text_of(state_lines(moment, node, 60))
    for row in (
        "commit    –",
        "log       – – –",
        "fsync     p50 –  p99 –  –",
        "up        –  pid –",
    ):
        assert row in state
    for row in ("won –/–  prevotes –/–", "wal –  database –", "cpu –  rss –  fds –", "none seen"):
        assert row in state
    settings = text_of(settings_lines(node, 60))
    assert "default" not in settings
    assert "raft.heartbeat_ms                          –\n" in settings
    assert "voters      –" in settings
    other = live_cluster(2, leader=None)
    other.nodes[1].status["peers"] = {}
    peers = text_of(peer_lines(moment_of(other), other.nodes[1], 100, None))
    assert "n2   ✓ up         –      –         –          –       –       –" in peers


def test_settings_say_where_they_come_from_and_who_belongs_to_it() -> None:
    status = status_of(1, 3, 1)
    status["settings"]["raft"]["heartbeat_ms"] = 20
    status["settings"]["raft"]["pre_vote"] = False
    status["configuration"] = {"voters": [1, 2, 3], "learners": [4], "outgoing": [1, 2]}
    shown = text_of(settings_lines(one(status).nodes[1], 60))
    assert "raft.heartbeat_ms                         20  cluster file" in shown
    assert "raft.pre_vote                             no  cluster file" in shown
    assert "raft.election_timeout_ms                 150  default" in shown
    assert "snapshots.tail                        10,000  default" in shown
    assert "voters      n1 n2 n3   2 are a quorum" in shown
    assert "learners    n4\n" in shown
    assert "outgoing    n1 n2   2 are a quorum" in shown


def test_links_say_which_faults_act_on_them_and_why_they_are_down() -> None:
    model = in_trouble()
    moment = moment_of(model)
    assert link_words(moment, model.nodes[3], 1) == ""
    assert link_words(moment, model.nodes[3], 4) == "cut by fault #1"
    model.nodes[3].status["link_errors"] = {"5": "refused\x1b"}
    assert link_words(moment, model.nodes[3], 5) == "n5 is killed, refused·"
    model.nodes[1].status["faults"] += [{"fault": 7, "src": 3, "dst": 1, "latency_ms": 40}]
    assert link_words(moment, model.nodes[3], 1) == "changed by fault #7"


def test_numbers_open_the_tabs_and_the_arrows_another_node() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("enter", "3")
        assert "PEER LINK" in viewer.text("tab")
        assert viewer.app.chosen == 3, "the number chose no node"
        await viewer.press("4")
        assert "raft.heartbeat_ms" in viewer.text("tab")
        await viewer.press("right")
        assert viewer.app.chosen == 4
        assert "in touch" not in viewer.text("tab")
        await viewer.press("1")
        assert "vote      self (t6)" in viewer.text("state")
        await viewer.press("2")
        assert isinstance(viewer.page, LogPage)

    view(test, in_trouble(), chosen=3)


@pytest.mark.parametrize("keys", ["enter down enter", "enter 3 down enter"])
def test_enter_heals_the_chosen_link(keys: str) -> None:
    async def test(viewer: Viewer) -> None:
        first, *others = keys.split()
        await viewer.press(first, "enter")
        assert "choose a link first" in viewer.told
        await viewer.press(*others)
        assert viewer.ran == ["heal n3:n1"]

    view(test, in_trouble(), chosen=3)


def test_output_follows_and_can_be_scrolled_back() -> None:
    async def until(viewer: Viewer, text: str) -> None:
        async with asyncio.timeout(20):
            while text not in viewer.text("tab"):
                await viewer.pilot.pause()

    async def test(viewer: Viewer) -> None:
        source = MadeUp(None)
        source.written = {3: [f"line {number}" for number in range(100)], 4: ["of another"]}
        viewer.app._source = source
        await viewer.press("enter", "5")
        await until(viewer, "line 99")
        source.written[3].append("esc \x1b[2J")
        await until(viewer, "esc ·[2J")
        await viewer.press("pageup")
        assert "esc" not in viewer.text("tab")
        assert "line 80" in viewer.text("tab")
        await viewer.press("f")
        assert "esc" in viewer.text("tab")
        await viewer.press(*["pageup"] * 9)
        lines = viewer.text("tab").splitlines()
        assert (lines[0].strip(), "" in lines) == ("line 0", False), "a full page, not a line of it"
        await viewer.press("right")
        await until(viewer, "of another")
        await viewer.press("pageup", "up")
        assert "of another" in viewer.text("tab")

    view(test, in_trouble(), chosen=3)


def test_output_of_a_recording_is_not_there_and_the_other_tabs_are() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("enter", "5")
        assert "a recording holds nothing" in viewer.text("tab")
        await viewer.press("4")
        assert "voters      n1 n2 n3" in viewer.text("tab")
        await viewer.press("3")
        assert "n2" in viewer.text("tab")

    view(test, film=short_film())


@pytest.mark.parametrize("tab", ["1", "3", "4"])
def test_tabs_fit_a_small_screen(tab: str) -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("enter", tab)
        shown = viewer.screen_text()
        assert all(len(line) <= 80 for line in shown.splitlines())
        assert "5stdout" in shown

    view(test, in_trouble(), size=SMALL, chosen=3)


@pytest.mark.parametrize("tab", ["1", "3", "4"])
def test_what_is_shown_of_a_node_that_ended_is_dimmed_and_has_its_age(tab: str) -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("enter", tab)
        panel = viewer.page.panel("state" if tab == "1" else "tab")
        told, *lines = panel._lines
        assert told[0] == (" SIGKILL by cli 40s ago, as of 41s ago", "warn")
        styles = {style for line in lines for text, style in line if text.strip(" ↓")}
        assert styles - {"warn"} <= {"dim"}, "only signs of links and faults are not"

    view(test, in_trouble(), chosen=5)


def test_of_a_live_node_nothing_is_said_about_age() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("enter", "4")
        assert "ago" not in viewer.text("tab")

    view(test, in_trouble(), chosen=1)


def test_the_log_of_a_node_that_ended_has_its_age() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("l")
        async with asyncio.timeout(20):
            while "as of 41s ago" not in viewer.screen_text():
                await viewer.pilot.pause()

    view(test, in_trouble(), chosen=5)


def test_an_age_that_the_reason_has_is_not_said_twice() -> None:
    model = in_trouble()
    model.process(5, Process("exited", last_words="stopped: the disk failed"))
    shown = text_of(state_lines(moment_of(model), model.nodes[5], 60))
    assert shown.splitlines()[0] == " stopped: the disk failed 41s ago"
