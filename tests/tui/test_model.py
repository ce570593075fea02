"""The reducer: the same frames give the same picture, however they came."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.wire.messages import Frame, Gap
from tests.tui.frames import (
    SECOND,
    START,
    Script,
    fold,
    in_order,
    interleaved,
    live_cluster,
    node_streams,
    shown,
    status_of,
)
from tui.model import ClusterModel
from tui.nodes import Condition, Process, Reach
from tui.timeline import WHOLES, Occurrence, Timeline

STREAMS = st.tuples(node_streams(1), node_streams(2), node_streams(3))


@settings(max_examples=50)
@given(st.data(), STREAMS)
def test_the_order_among_nodes_does_not_matter(
    data: st.DataObject, streams: tuple[list[Frame], ...]
) -> None:
    merged = in_order(streams)
    arrived = data.draw(interleaved(streams))
    assert shown(fold(arrived)) == shown(fold(merged))


@settings(max_examples=50)
@given(st.data(), STREAMS)
def test_what_was_copied_at_any_cut_and_folded_on_is_what_was_live(
    data: st.DataObject, streams: tuple[list[Frame], ...]
) -> None:
    merged = in_order(streams)
    cut = data.draw(st.integers(0, len(merged)))
    end = data.draw(st.integers(cut, len(merged)))
    before = fold(merged[:cut])
    at_cut = shown(before)
    assert shown(fold(merged[cut:end], before.copy())) == shown(fold(merged[:end]))
    assert shown(before) == at_cut, "a copy is no part of what it was made of"


@settings(max_examples=50)
@given(st.data(), STREAMS)
def test_duplicates_change_nothing(data: st.DataObject, streams: tuple[list[Frame], ...]) -> None:
    merged = in_order(streams)
    once = fold(merged)
    again = data.draw(st.lists(st.sampled_from(merged), max_size=20)) if merged else []
    twice = fold([*merged, *again])
    assert shown(twice) == shown(once)


@settings(max_examples=50)
@given(st.data(), node_streams(1))
def test_a_frame_twice_in_a_row_counts_once(data: st.DataObject, stream: list[Frame]) -> None:
    doubled = [frame for frame in stream for _ in range(data.draw(st.integers(1, 2)))]
    assert shown(fold(doubled)) == shown(fold(stream))


def test_frames_that_are_missing_are_told() -> None:
    script = Script(1).keyframe(status_of(1)).changed(term=8).changed(term=9).changed(term=10)
    first, _, _, last = script.frames
    model = fold([first, last])
    (event,) = model.timeline.newest()
    assert (event.kind, dict(event.data)) == (
        "gap",
        {"first": 2, "last": 3, "why": "they did not arrive"},
    )
    assert model.nodes[1].lost == 2
    assert not model.nodes[1].is_whole
    assert model.nodes[1].number("term") == 10, "the newest that is known is shown all the same"


def test_a_gap_that_the_node_tells_ends_with_its_keyframe() -> None:
    script = Script(1).keyframe(status_of(1)).changed(term=8)
    model = fold(script.frames)
    gap = Gap(1, 1, 9, script.at_ns, script.at_ns, 3, 9, "slow")
    model.fold(gap, 1)
    model.fold(gap, 1)
    assert (model.nodes[1].gaps, model.nodes[1].lost) == (1, 7)
    assert not model.nodes[1].is_whole


def test_late_events_stand_in_their_place_and_are_marked() -> None:
    early = Script(1).keyframe(status_of(1)).happened("vote", after_ms=5)
    late = Script(2).keyframe(status_of(2)).happened("leader", after_ms=400)
    model = fold([early.frames[0], *late.frames, early.frames[1]])
    assert [(e.node, e.late) for e in model.timeline.newest()] == [(2, False), (1, True)]


def test_what_was_kept_before_the_viewer_came_is_not_late() -> None:
    newer = Script(2).keyframe(status_of(2)).happened("leader", after_ms=400)
    kept = Script(1).happened("vote")
    model = fold([*newer.frames, *kept.frames])
    assert not any(event.late for event in model.timeline.newest())


def test_a_new_life_replaces_the_old_one_and_not_the_other_way_round() -> None:
    old = Script(1, boot=9).keyframe(status_of(1, term=3)).bulk(1, 5)
    new = Script(1, boot=2, at_ns=START + SECOND).keyframe(status_of(1, term=4))
    for frames in ([*old.frames, *new.frames], [*new.frames, *old.frames]):
        view = fold(frames).nodes[1]
        assert (view.boot, view.number("term"), list(view.runs)) == (2, 4, [])


def test_the_timeline_keeps_the_newest() -> None:
    timeline = Timeline(100)
    script = Script(1)
    for number in range(5_000):
        script.happened("vote", term=number)
    model = ClusterModel(events_max=100)
    fold(script.frames, model)
    assert len(model.timeline) == 100
    assert [event.term for event in model.timeline.newest()] == list(range(4_999, 4_899, -1))
    assert len(timeline) == 0


def test_the_timeline_knows_its_wholes_in_whatever_order_they_come() -> None:
    kinds = ("leader", "vote", "follow", "stop")
    events = [Occurrence(at, 1, 1, at, 0, kinds[at * 7 % 4], 7, {}) for at in range(5_000)]
    for some in (events, events[::-1], [*events[::2], *events[1::2]]):
        timeline = Timeline(100)
        for event in some:
            timeline.add(event)
        kept = [event for event in timeline.newest() if event.kind in WHOLES]
        assert timeline.wholes == timeline.copy().wholes == kept[::-1]
        assert len(kept) == 50


def test_entries_are_kept_once_for_all_nodes_and_bounded() -> None:
    model = ClusterModel()
    for node in (1, 2):
        script = Script(node)
        for first in range(1, 10_000, 20):
            script.bulk(first, first + 19)
        fold(script.frames, model)
    newest = model.entries.newest(5_000)
    assert len(newest) == 2_048
    assert newest[0].index == 10_000
    assert model.entries.conflicts == 0


def test_two_commands_at_one_index_are_a_conflict() -> None:
    model = fold([*Script(1).bulk(1, 3).frames, *Script(2).bulk(3, 3, term=9).frames])
    assert model.entries.conflicts == 1


def test_the_rate_is_that_of_the_last_second() -> None:
    script = Script(1).keyframe(status_of(1, last_applied=0))
    for tick in range(1, 31):
        script.bulk(70 * tick - 69, 70 * tick, after_ms=100)
    model = fold(script.frames)
    model.reach(1, Reach(is_open=True))
    assert model.rate(model.now_ns) == pytest.approx(700, rel=0.05)
    assert model.rate(model.now_ns + 2 * SECOND) == 0
    assert model.nodes[1].rate.history(model.now_ns, 2) == [700, 700]


@pytest.mark.parametrize(
    ("reach", "process", "age_ns", "expected"),
    [
        (Reach(), Process(), 0, Condition.CONNECTING),
        (Reach(is_open=True), Process("running", 7), 0, Condition.LIVE),
        (Reach(is_open=True), Process("running", 7), 3 * SECOND, Condition.STALE),
        (Reach(is_open=True), Process("paused", 7), 0, Condition.PAUSED),
        (Reach(is_open=False, why="gone"), Process("exited"), 0, Condition.EXITED),
        (Reach(is_open=False, why="refused"), Process(), 0, Condition.UNREACHABLE),
    ],
)
def test_conditions(reach: Reach, process: Process, age_ns: int, expected: Condition) -> None:
    model = fold(Script(1).keyframe(status_of(1)).frames)
    model.reach(1, reach)
    model.process(1, process)
    assert model.nodes[1].condition(model.now_ns + age_ns) is expected


def test_of_two_leaders_the_one_of_the_older_term_is_stale() -> None:
    model = live_cluster(3, leader=1)
    fold(
        Script(2, boot=5, at_ns=START + 10**7).keyframe(status_of(2, leader=2, term=8)).frames,
        model,
    )
    assert model.leader(model.now_ns) is model.nodes[2]
    assert model.is_stale_leader(model.nodes[1], model.now_ns)


@pytest.mark.parametrize("gone", [Process("paused", 7), Process("exited", None, "killed -9")])
def test_a_deposed_leader_does_not_lead_again_when_the_real_one_is_gone(gone: Process) -> None:
    model = live_cluster(3, leader=1)
    fold(Script(2, 5, START + 10**7).keyframe(status_of(2, leader=2, term=8)).frames, model)
    model.process(2, gone)
    assert model.leader(model.now_ns) is None
    assert model.is_stale_leader(model.nodes[1], model.now_ns)


def test_a_leader_is_deposed_by_what_a_follower_knows_or_knew() -> None:
    followed = live_cluster(3, leader=1)
    fold(Script(3, 5, START + 10**7).keyframe(status_of(3, leader=2, term=8)).frames, followed)
    history = live_cluster(3, leader=1)
    kept = Script(3, 5, START + 10**7).happened("follow", 8, leader="n2")
    fold(kept.keyframe(status_of(3, leader=None, term=9)).frames, history)
    for model in (followed, history):
        model.process(3, Process("exited", None, "killed -9"))
        assert model.leader(model.now_ns) is None


def test_a_leader_is_deposed_once_no_quorum_can_be_left_to_it() -> None:
    model = live_cluster(5, leader=1)
    alone = Script(2, 5, START + 10**7)
    fold(alone.keyframe(status_of(2, 5, leader=None, term=8, voted_for=2)).frames, model)
    assert model.leader(model.now_ns) is model.nodes[1], "one that was cut off asks for votes"
    model.process(2, Process("exited", None, "killed -9"))
    voters = Script(3, 5, START + 10**7)
    voters.keyframe(status_of(3, 5, leader=None, term=8, voted_for=4))
    fold(voters.frames, model)
    assert model.leader(model.now_ns) is None, "n2, n3 and n4 were in term 8"


def test_what_is_done_to_a_simulated_cluster_is_of_no_node() -> None:
    model = fold(Script(0).happened("kill", 0, nodes="n2", line="kill leader").frames)
    assert model.ids() == []
    (event,) = model.timeline.newest()
    assert (event.who, event.kind) == ("↯", "kill")


def test_a_link_of_which_a_node_says_nothing_is_unknown() -> None:
    model = live_cluster(3, leader=1)
    fold(Script(1, 5, START + 10**7).keyframe(status_of(1, links={"2": "up"})).frames, model)
    assert model.link(1, 2, model.now_ns) == "up"
    assert model.link(1, 3, model.now_ns) == "unknown"


@pytest.mark.parametrize(
    ("state", "told", "seen"),
    [
        ("running", "up", "up"),
        ("paused", "up", "unknown"),
        ("paused", "slow", "unknown"),
        ("paused", "cut", "cut"),
        ("exited", "down", "down"),
    ],
)
def test_a_link_to_a_node_that_is_silent_is_unknown(state: str, told: str, seen: str) -> None:
    model = live_cluster(3, leader=1)
    model.nodes[1].status["links"]["2"] = told
    model.process(2, Process(state, 7))
    assert model.link(1, 2, model.now_ns) == seen


def test_a_link_to_a_node_that_went_stale_is_unknown() -> None:
    model = live_cluster(3, leader=1)
    fold(Script(1, 5, START + 3 * SECOND).keyframe(status_of(1)).frames, model)
    assert model.link(1, 2, model.now_ns) == "unknown"


def test_a_node_that_stops_in_good_order_says_so_until_it_is_started_anew() -> None:
    script = Script(1).keyframe(status_of(1)).happened("stop")
    model = fold(script.frames)
    model.reach(1, Reach(is_open=True))
    assert model.nodes[1].condition(model.now_ns) is Condition.STOPPED
    fold(Script(1, 2, script.at_ns + SECOND).happened("boot").frames, model)
    assert model.nodes[1].condition(model.now_ns) is Condition.LIVE


def test_members_come_and_go() -> None:
    model = live_cluster(3, leader=1)
    model.members([1, 2, 4])
    assert model.ids() == [1, 2, 4]
    assert model.nodes[4].condition(model.now_ns) is Condition.CONNECTING
