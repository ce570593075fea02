"""The parts of drawings: widths, numbers, bars, words; two logs; and the quorum's arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.wire.recording import CLUSTER
from node.wire.words import effect_of
from tests.tui.frames import Script, fold, live_cluster, status_of
from tests.tui.scenes import in_trouble
from tests.tui.test_replay import short_frames
from tui import actions, membership
from tui.actions import Action, Refusal
from tui.drawing import diff
from tui.drawing.applied import applied_lines, shown_of
from tui.drawing.detail import peer_lines
from tui.drawing.events import Row, event_line, event_lines, matches, words_of
from tui.drawing.film import title
from tui.drawing.loggrid import log_grid
from tui.drawing.moment import Moment
from tui.drawing.overview import cards, head_line, node_rows
from tui.drawing.text import (
    Line,
    bar,
    both_ends,
    boxed,
    duration,
    fill,
    fit,
    number,
    size,
    sparkline,
    width_of,
)
from tui.model import ClusterModel
from tui.nodes import Process, Reach
from tui.replay import Film
from tui.timeline import Occurrence

WORDS = st.text(st.characters(exclude_categories=["C"]), max_size=20)


def moment_of(model: ClusterModel) -> Moment:
    return Moment(model, model.now_ns, "demo")


def text_of(lines: list[Line]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


@given(WORDS, st.integers(0, 30))
def test_what_is_fitted_has_its_width(text: str, width: int) -> None:
    assert width_of([(fit(text, width), "")]) == width


@given(st.lists(st.tuples(WORDS, st.just(""))), st.integers(0, 30))
def test_a_filled_line_has_its_width(line: Line, width: int) -> None:
    assert width_of(fill(line, width)) == width
    assert width_of(both_ends(line, [], width)) == width


@given(st.lists(st.just([("x", "")]), max_size=3), WORDS, st.integers(8, 40))
def test_a_box_has_its_width(lines: list[Line], title: str, width: int) -> None:
    box = boxed(lines, width, [(title, "")] if title else [])
    assert {width_of(line) for line in box} == {width}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.44, "0.4s"),
        (41, "41s"),
        (134, "2m14s"),
        (21_720, "6h02m"),
        (273_600, "3d04h"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_numbers_and_sizes() -> None:
    assert (number(104_317), number(None)) == ("104,317", "–")
    assert [size(count) for count in (43, 1_500, 1_258_291, 9e12)] == [
        "43B", "1.5kB", "1.3MB", "9000.0GB",
    ]  # fmt: skip


@given(st.floats(0, 1), st.integers(1, 20))
def test_bars_have_their_width_and_show_the_least(fraction: float, width: int) -> None:
    drawn = bar(fraction, width)
    assert len(drawn) == width
    assert bool(drawn.strip()) == (fraction > 0)


@given(st.lists(st.floats(0, 1e6), max_size=40), st.integers(0, 30))
def test_sparklines_have_their_width(values: list[float], width: int) -> None:
    assert len(sparkline(values, width)) == width


def test_events_in_words_and_by_pattern() -> None:
    event = Occurrence(0, 3, 1, 1, 0, "leader", 7, {"votes": "n1,n2", "took_ms": 8.5})
    assert words_of(event.kind, event.data) == "votes n1,n2  took 8.5 ms"
    assert words_of("gap", {"first": 3, "last": 9, "why": "slow"}) == "frames 3–9 not seen: slow"
    assert words_of("odd", {"state": "full", "port": 8101}) == "full  port 8101"
    assert matches(event, "n3")
    assert matches(event, "fault | LEADER")
    assert not matches(event, "fault|n1 leader")


def test_a_simulated_fault_is_told_in_words() -> None:
    killed = Occurrence(0, CLUSTER, 1, 1, 0, "kill", 0, {"nodes": "n2", "line": "kill leader"})
    assert "↯   kill       n2  (leader)" in text_of(
        [event_line(Row(killed, 1, frozenset({CLUSTER})), [1, 2], 90)]
    )
    assert words_of("heal", {"what": "net --link all:all"}) == "net --link all:all"
    assert words_of("heal", {"fault": "#1", "why": "expired"}) == "#1  expired"
    assert not matches(killed, "n0")


def events_of(scripts: list[Script], nodes: int, node: int | None = None) -> list[str]:
    """The list of events, without the times of the day."""
    model = ClusterModel()
    model.members(range(1, nodes + 1))
    for script in scripts:
        fold(script.frames, model)
    lines = event_lines(moment_of(model), 90, 9, node)
    return [text_of([line])[14:].strip() for line in lines]


def partition(src: tuple[int, ...], dst: tuple[int, ...]) -> str:
    pairs = [(one, other) for one in src for other in dst]
    return ",".join(f"n{one}:n{other},n{other}:n{one}" for one, other in pairs)


def test_what_all_nodes_tell_alike_is_one_line_and_a_partition_has_its_sides() -> None:
    scripts = [Script(node, 5) for node in range(1, 6)]
    links = partition((1, 2), (3, 4, 5))
    voters = {"index": 9, "members": "voters n1,n2,n3,n4,n5"}
    for script in scripts:
        script.happened("fault", after_ms=100 + script.node, fault="#1", what="cut", links=links)
        script.happened("leaderless", after_ms=1)  # comes between those of the others
        script.happened("heal", after_ms=2_000, fault="#1")
        script.happened("member", 8, after_ms=900, **voters)
        script.happened("member", 8, after_ms=1, **voters)
    told = events_of(scripts, 5)
    assert told[:2] == [
        "all member     t8 index 9  voters n1,n2,n3,n4,n5",
        "all heal       t7 #1",
    ]
    assert [line for line in told[2:] if "leaderless" not in line] == [
        "all fault      t7 #1  cut  1,2|3,4,5"
    ]
    assert len(told) == 8
    assert events_of(scripts, 5, node=2)[-1] == "n2  fault      t7 #1  cut  1,2|3,4,5"


def test_what_was_done_to_a_cluster_is_said_once() -> None:
    cluster = Script(0)
    cluster.happened("kill", 0, nodes="n4", line="kill leader", fault="#2")
    cluster.happened("kill", 0, nodes="n1 n3", line="kill n1,n3", fault="#3")
    cluster.happened("partition", 0, what="{n1} | {n2}", fault="#4")
    cluster.happened("clock", 0, nodes="n1", line="clock any --rate 0.9", fault="#5")
    cluster.happened("skipped", 0, line="kill leader", why="the cluster has no leader")
    assert events_of([cluster], 5)[::-1] == [
        "↯   kill       #2  n4  (leader)",
        "↯   kill       #3  n1 n3",
        "↯   partition  #4  {n1} | {n2}",
        "↯   clock      #5  n1  (any --rate 0.9)",
        "↯   skipped    kill leader  the cluster has no leader",
    ]


def test_a_node_that_boots_says_what_it_has() -> None:
    script = Script(2, 5).happened("boot", 3, node="n2", port=8102, last_index=12)
    assert events_of([script], 5) == ["n2  boot       t3 port 8102  log up to 12"]


def test_the_last_row_has_all_of_its_nodes_though_others_told_something_between() -> None:
    scripts = [Script(node, 5) for node in (1, 2, 3)]
    for script in scripts:
        script.happened("heal", after_ms=100 + script.node, fault="#1")
        script.happened("follow", after_ms=0.5, leader="n1")
    model = live_cluster(3)
    for script in scripts:
        fold(script.frames, model)
    (_, last) = event_lines(moment_of(model), 90, 2)
    assert " all heal" in text_of([last])


def test_some_nodes_are_named_and_what_comes_later_or_differs_is_a_line_of_its_own() -> None:
    scripts = [Script(node, 5) for node in range(1, 6)]
    for script in scripts[:3]:
        script.happened("heal", fault="#1")
    for script in (scripts[0], scripts[4]):
        script.happened("heal", after_ms=10, fault="#2")
    scripts[1].happened("heal", after_ms=1_500, fault="#2")
    assert events_of(scripts, 5) == [
        "n2  heal       t7 #2",
        "n1,n5 heal       t7 #2",
        "n1–n3 heal       t7 #1",
    ]


def test_slow_links_have_no_sides() -> None:
    one = Script(1, 5).happened("fault", fault="#1", what="net", links=partition((1,), (2, 3)))
    two = Script(2, 5).happened("fault", fault="#2", what="net", links="n1:n2")
    odd = Script(3, 5).happened("fault", fault="#3", what="cut", links="?")
    assert sorted(events_of([one, two, odd], 3)) == [
        "n1  fault      t7 #1  net  1:2 2:1 1:3 3:1",
        "n2  fault      t7 #2  net  1:2",
        "n3  fault      t7 #3  cut",
    ]


def test_what_was_done_to_a_cluster_made_it_worse_or_better() -> None:
    assert effect_of("partition", {"what": "n1:n2"}) == effect_of("disk", {"state": "full"}) == -1
    assert effect_of("heal", {}) == effect_of("disk", {"state": "has space again"}) == 1
    assert effect_of("leader", {"votes": "n1"}) == 0


# -- who leads -------------------------------------------------------------------------------------
def test_with_a_deposed_leader_alone_the_head_says_that_there_is_none() -> None:
    model = live_cluster(3, leader=1)
    fold(Script(2, 5).keyframe(status_of(2, leader=2, term=8), after_ms=10).frames, model)
    model.process(2, Process("exited", None, "killed -9"))
    moment = moment_of(model)
    assert "NO LEADER  2/3 nodes  no leader · term 8" in text_of([head_line(moment, 104)])
    assert moment.title(model.nodes[1]) == [("LEADER", "strike warn"), (" stale", "warn")]
    assert "★" not in text_of(cards(moment, 104) + node_rows(moment, 80) + log_grid(moment, 104))


def test_peers_of_a_leader_that_is_gone_are_dimmed() -> None:
    model = live_cluster(3, leader=1)

    def styles() -> set[str]:
        _, *rows = peer_lines(moment_of(model), model.nodes[1], 60, None)
        return {style for row in rows for text, style in row if text.strip(" ✓?–")}

    assert styles() != {"dim"}
    for gone in (Process("paused", 7), Process("exited", None, "killed -9")):
        model.process(1, gone)
        assert styles() == {"dim"}


def test_a_node_that_refuses_says_why_on_its_card_and_its_row() -> None:
    model = live_cluster(3, leader=1)
    why = "n2: protocol version 9; this side speaks 1"
    model.reach(2, Reach(False, why, is_refusal=True))
    moment = moment_of(model)
    card = text_of(cards(moment, 104))
    assert "n2 REFUSES" in card
    assert "protocol version 9" in card
    assert why in text_of(node_rows(moment, 140))


# -- logs ------------------------------------------------------------------------------------------
def log_of(*terms: int, commit: int = 1) -> diff.Document:
    entries = [
        {"index": index, "term": term, "kind": "command", "bytes": 9, "preview": f"put {term}"}
        for index, term in enumerate(terms, 1)
    ]
    return {
        "entries": entries,
        "last_index": len(terms),
        "commit_index": commit,
        "last_applied": commit,
    }


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        (log_of(1, 1, 2), log_of(1, 1, 2), "the same"),
        (log_of(1, 1, 2), log_of(1, 1), "n2 is one entry behind"),
        (log_of(1, 1, 2), log_of(1, 1, 3), "legal: they part at 3"),
        (log_of(1, 1, 2, commit=3), log_of(1, 1, 3, commit=3), "ILLEGAL"),
    ],
)
def test_verdicts_on_two_logs(one: diff.Document, other: diff.Document, says: str) -> None:
    assert says in text_of([diff.verdict(one, other, ("n1", "n2"))])


def test_two_logs_side_by_side() -> None:
    lines = diff.log_lines(log_of(1, 1, 2), log_of(1, 1, 3, 3), ("n1", "n2"), 90, [2, 3, 4])
    _, same, differs, absent = text_of(lines).splitlines()
    assert same.rstrip().endswith("│ =")
    assert "≠" in differs
    assert "│ t3 put 3" in differs
    assert "absent" in absent


# -- arithmetic ------------------------------------------------------------------------------------
def test_a_quorum_counts_voters_that_live_and_vote() -> None:
    model = live_cluster(5, leader=1)
    fold(Script(2, 9, model.now_ns + 1).keyframe(status_of(2, 5, 1, voting=False)).frames, model)
    model.process(3, Process("paused", 7))
    moment = moment_of(model)
    assert actions.alive(moment) == {1, 4, 5}
    assert actions.quorum_of(moment, actions.alive(moment)).is_there


def test_during_a_change_of_voters_the_worse_half_counts() -> None:
    model = live_cluster(5, leader=1)
    configuration = {"voters": [1, 2, 3], "outgoing": [3, 4, 5]}
    status = status_of(1, 5, 1, configuration=configuration, configuration_index=9)
    fold(Script(1, 9, model.now_ns + 1).keyframe(status).frames, model)
    quorum = actions.quorum_of(moment_of(model), {1, 2, 3})
    assert (quorum.have, quorum.need, quorum.voters) == (1, 2, 3)
    assert str(quorum) == "1 of 3 < 2"


def test_the_last_voter_cannot_be_removed() -> None:
    model = live_cluster(1, leader=1)
    assert isinstance(membership.remove_member(moment_of(model), model.nodes[1]), Refusal)


def test_a_partition_needs_two_sides() -> None:
    moment = moment_of(live_cluster(3, leader=1))
    assert isinstance(actions.partition(moment, [[1, 2, 3], []]), Refusal)
    action = actions.partition(moment, [[1], [2, 3]])
    assert isinstance(action, Action)
    assert (action.arguments, action.question) == (("partition", "1", "/", "2,3"), "")


def test_nobody_hands_over_to_the_dead_or_without_a_leader() -> None:
    model = in_trouble()
    moment = moment_of(model)
    assert actions.hindrance(moment, "transfer", model.nodes[5]).startswith("n5 cannot lead")
    assert not actions.hindrance(moment, "transfer", model.nodes[1])
    model.process(3, Process("exited"))
    assert "no leader" in actions.hindrance(moment, "transfer", model.nodes[1])


def test_a_value_that_looks_like_an_option_is_a_value() -> None:
    action = actions.put("-k", "--help")
    assert isinstance(action, Action)
    assert action.arguments == ("put", "--", "-k", "--help")
    assert isinstance(actions.put("", "v"), Refusal)
    assert isinstance(actions.put("k", "-"), Refusal), "it would be read from an empty input"


def test_applied_entries_are_timed_by_all_nodes_and_the_chosen_one_is_shown() -> None:
    model = ClusterModel()
    for node in range(1, 10):
        script = Script(node).keyframe(status_of(node)).bulk(1, 1, after_ms=40 - 4 * node)
        fold(script.frames, model)
    for chosen, shown, last in ((1, "n1–n3 of 9", "+24ms"), (9, "n7–n9 of 9", "✓")):
        moment = Moment(model=model, now_ns=model.now_ns, name="demo", chosen=chosen)
        assert shown_of(moment, 78) == shown
        heading, entry = applied_lines(moment, 78, 2)
        assert text_of([heading]).split()[-1] == f"n{max(chosen, 3)}"
        assert text_of([entry]).split()[-1] == last
    assert shown_of(moment, 200) == ""


@pytest.mark.parametrize("width", [54, 98])
def test_the_title_of_a_replay_keeps_where_one_is(width: int) -> None:
    film = Film(short_frames(), "demo-with-a-name-that-takes-a-whole-line-of-its-own")
    film.toggle_bookmark()
    shown = title(film, width)
    assert len(shown) <= width
    for words in ("demo-with", "‖ PAUSED", "+0.0s of 11s", "◆ 1"):
        assert words in shown
