"""What went wrong in zaft, whose job this library takes over: each a test that it holds here.

The names carry the catalogue's numbers; docs/known-bugs.md tells the stories.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest

from node.raft import Config, InitialState, LogEntry, Message, NotLeaderError, Raft
from node.raft.errors import RemoteProtocolError
from node.raft.events import PeerLogReverted
from node.raft.messages import (
    AppendEntries,
    AppendEntriesResponse,
    RequestVote,
    RequestVoteResponse,
    StaleTerm,
)
from tests.raft.cluster import HEARTBEAT_US, TIMEOUT_US, Cluster
from tests.raft.hosts import World
from tests.raft.solo import Solo, appends_to, log_of


def test_z01_leader_survives_followers_many_entries_behind() -> None:
    cluster = Cluster(3)
    cluster[2].crash()
    cluster.elect(1)
    cluster.propose(*range(50))
    cluster[2].restart()
    cluster[1].crash()
    cluster.elect(3)
    cluster.run(2 * TIMEOUT_US)
    assert cluster[2].values == cluster[3].values == list(range(50))


def test_z02_success_below_commit_is_harmless() -> None:
    solo = Solo(log_of(1, 1, 1, 1))
    solo.lead()
    solo.acknowledge(5, peer=2)
    assert solo.core.commit_index == 5
    solo.acknowledge(2, peer=3)
    assert solo.core.commit_index == 5
    assert solo.core.progress[3].match_index == 2


def test_z03_conflicting_entry_is_replaced_even_when_the_first_heartbeat_was_lost() -> None:
    solo = Solo(log_of(1, 2), term=2)
    answer = solo.append((1, 1), [LogEntry(3, "new")], term=3)[0]
    assert answer == AppendEntriesResponse(3, 1, True, 1, 1, match_index=2)
    assert solo.core.entries(2, 2) == [LogEntry(3, "new")]


def test_z04_short_append_keeps_longer_log() -> None:
    solo = Solo(log_of(1, 1, 1, 1, 1), term=2)
    solo.append((5, 1), commit=5)
    answer = solo.append((1, 1), log_of(1, 1)[1:2], commit=5)[0]
    assert solo.terms == [1, 1, 1, 1, 1]
    assert isinstance(answer, AppendEntriesResponse)
    assert answer.match_index == 2, "it vouches for what the message showed, no more"


def test_z05_commit_stops_at_what_the_append_verified() -> None:
    solo = Solo(log_of(1, 1, 1), term=2)
    solo.append((1, 1), commit=3)
    assert solo.core.commit_index == 1, "entries 2 and 3 may be a stale tail"


def test_z06_conflict_above_commit_is_legal_whatever_the_terms() -> None:
    solo = Solo(log_of(1, 1, 1, 1, 1), term=1)
    solo.append((5, 1), commit=3)
    solo.append((3, 1), [LogEntry(2, "x")], commit=3, term=2)
    assert solo.terms == [1, 1, 1, 2]
    with pytest.raises(RemoteProtocolError, match="committed"):
        solo.append((1, 1), [LogEntry(3, "bad")], term=3)
    assert solo.terms == [1, 1, 1, 2]


def test_z07_refused_vote_and_stale_append_leave_timers_alone() -> None:
    follower = Solo(log_of(1, 1), term=5)
    deadline = follower.core.next_deadline
    follower.now = 50_000
    follower.receive(RequestVote(5, 2, 0, 0))
    follower.append((0, 0), term=3)
    assert follower.core.next_deadline == deadline

    leader = Solo(term=1)
    leader.lead()
    deadline = leader.core.next_deadline
    leader.receive(RequestVote(leader.core.term - 1, 3, 9, 9))
    leader.append((0, 0), term=leader.core.term - 1)
    assert leader.core.next_deadline == deadline


def test_z08_stepping_down_within_a_term_keeps_the_vote() -> None:
    solo = Solo(pre_vote=False)
    solo.time_out()
    term = solo.core.term
    assert (solo.core.role_name, solo.core.voted_for) == ("candidate", 1)
    solo.append((0, 0), term=term, leader=2)
    assert (solo.core.role_name, solo.core.voted_for) == ("follower", 1)
    answer = solo.answer(RequestVote(term, 3, 9, 9))
    assert not answer.vote_granted


def test_z09_entries_of_earlier_terms_commit_without_a_client() -> None:
    cluster = Cluster(3)
    cluster.elect(1)
    cluster.drop = lambda src, dst, message: isinstance(message, AppendEntriesResponse)
    cluster.propose("old")
    cluster[1].crash()
    cluster.drop = lambda src, dst, message: False
    cluster.elect(2)
    cluster.run(2 * HEARTBEAT_US)
    assert cluster[2].values == cluster[3].values == ["old"]
    assert cluster[2].core.entries(3, 3) == [LogEntry(cluster[2].core.term, None)]


def test_z10_an_index_alone_does_not_say_whose_entry_was_applied() -> None:
    """A leader that is deposed: another's entry takes the index that it gave to its client."""
    world = World()
    deposed = world.elect()
    mine = deposed.raft.append("mine")
    term, index = mine.term, mine.index
    assert deposed.raft.entry_state(index, term).value == "pending"
    world.wires.clear()  # nobody else gets it
    other = (deposed.id + 1) % 3
    theirs = [LogEntry(term + 1, "theirs"), LogEntry(term + 1, "more")]
    deposed.raft.handle_rpc(AppendEntries(term + 1, other, 1, term, theirs, 2, 1))
    assert deposed.applied == ["theirs"]
    assert deposed.raft.is_applied(index), "an entry was, at this index"
    assert deposed.raft.entry_state(index, term).value == "superseded", "it was not this one"
    assert deposed.raft.entry_state(index, term + 1).value == "applied"
    assert deposed.raft.entry_state(index + 1, term + 1).value == "pending"
    assert deposed.raft.entry_state(index + 1, term).value == "superseded"


def test_z11_duplicated_and_stale_rejections_change_nothing_twice() -> None:
    solo = Solo(log_of(1, 1, 2, 2), term=2)
    solo.lead()
    solo.reject(4, (2, 1))
    after_first = solo.core.progress[2].next_index
    solo.reject(4, (2, 1))
    assert solo.core.progress[2].next_index == after_first == 3
    solo.receive(AppendEntriesResponse(2, 2, False, 4, 1, 0, 0, 0))  # of the term before
    assert solo.core.progress[2].next_index == 3
    assert solo.core.is_leader


@pytest.mark.parametrize("match", [0, 5, 6])
def test_z11_stale_rejection_that_carries_the_new_term_does_not_shake_a_re_elected_leader(
    match: int,
) -> None:
    solo = Solo(log_of(1, 1, 2, 2), term=2)
    solo.lead()
    for _ in range(2):
        solo.tick(HEARTBEAT_US)
    late = solo.newest_sequence
    solo.receive(StaleTerm(4, 3))
    solo.lead()
    assert (solo.core.term, solo.terms) == (5, [1, 1, 2, 2, 3, 5])
    if match:
        solo.acknowledge(match)
    before = replace(solo.core.progress[2])
    stale = AppendEntriesResponse(5, 2, False, 4, 1, 0, 0, 0)  # from a peer that mixes terms
    for _ in range(2):
        solo.receive(stale)
    assert solo.core.progress[2].match_index == before.match_index
    assert solo.core.progress[2].next_index == before.next_index
    with pytest.raises(RemoteProtocolError, match="never sent"):
        solo.receive(stale._replace(sequence=late + 100))
    with pytest.raises(RemoteProtocolError, match="all logs share"):
        solo.receive(stale._replace(prev_log_index=0))
    assert solo.core.is_leader
    assert not [event for event in solo.events if isinstance(event, PeerLogReverted)]


def test_z12_single_node_elects_itself_and_commits() -> None:
    cluster = Cluster(1)
    cluster.elect()
    cluster.propose("x")
    assert cluster[1].values == ["x"]


def test_z13_deposed_leader_does_not_name_itself() -> None:
    solo = Solo()
    solo.lead()
    hints = [solo.core.leader_id]
    solo.receive(RequestVote(solo.core.term + 1, 3, 9, 9, leadership_transfer=True))
    hints.append(solo.core.leader_id)
    assert hints == [1, None]
    with pytest.raises(NotLeaderError) as caught:
        solo.core.propose(["x"])
    assert caught.value.leader is None


def test_z14_unacknowledged_entries_are_sent_once_and_in_bounded_pieces() -> None:
    solo = Solo(inflight_max=4)
    solo.lead()
    solo.acknowledge(1)
    sent = 0
    for number in range(1000):
        solo.core.propose([number])
        appends = appends_to(solo.work())
        assert all(len(append.entries) <= 64 for append in appends)
        sent += sum(len(append.entries) for append in appends)
    assert sent <= 4 * 64, "the window bounds what is on its way"


def test_z15_second_leader_of_a_term_and_strangers_are_refused() -> None:
    solo = Solo()
    solo.lead()
    term = solo.core.term
    with pytest.raises(RemoteProtocolError, match="also leads"):
        solo.append((0, 0), term=term)
    with pytest.raises(RemoteProtocolError, match="99 also leads"):
        solo.receive(AppendEntries(term, 99, 0, 0, [], 0, 1))
    for stranger in (99, 2**40):
        assert not solo.receive(AppendEntriesResponse(term, stranger, True, 0, 1, 1))
        assert not solo.receive(RequestVoteResponse(term, stranger, True))
    with pytest.raises(RemoteProtocolError, match="not a peer"):
        solo.receive(AppendEntries(term, 1, 0, 0, [], 0, 1))
    assert solo.core.is_leader


def test_z15_second_leader_of_a_term_is_refused_by_a_follower() -> None:
    solo = Solo()
    solo.append((0, 0), [LogEntry(1, "first")], term=1, leader=2)
    deadline = solo.core.next_deadline
    solo.now += 50_000
    with pytest.raises(RemoteProtocolError, match="3 claims term 1, which 2 leads"):
        solo.append((0, 0), [LogEntry(1, "second"), LogEntry(1, "more")], term=1, leader=3)
    assert solo.work() == [], "it is not answered"
    assert solo.core.entries(1, 9) == [LogEntry(1, "first")]
    assert (solo.core.leader_id, solo.core.next_deadline) == (2, deadline)
    solo.append((1, 1), [LogEntry(1, "next")], term=1, leader=2)
    solo.append((0, 0), [LogEntry(2, "of term 2")], term=2, leader=3)
    assert (solo.core.leader_id, solo.terms) == (3, [2])


def test_z16_follower_that_lost_its_log_is_reported_and_filled_again() -> None:
    solo = Solo(log_of(1, 1, 1), term=1)
    solo.lead()
    solo.acknowledge(4)
    solo.tick(HEARTBEAT_US)
    solo.reject(4, (0, 0))
    assert any(isinstance(event, PeerLogReverted) for event in solo.events)
    assert solo.core.progress[2].match_index == 0
    assert solo.core.progress[2].next_index == 1
    assert solo.core.commit_index == 4, "what was committed stays so"


def test_z17_time_comes_from_the_caller_and_calls_back_in_only_queue_up() -> None:
    clock = {"ms": 0.0}
    rafts: dict[int, Raft] = {}

    class Direct(Quiet):
        def make_rpc(self, peer_id: int, rpc: Message) -> None:
            rafts[peer_id].handle_rpc(rpc)  # at once, inside the sender's call

    for number in (0, 1, 2):
        config = Config(id=number, server_no=3, clock=lambda: clock["ms"])
        rafts[number] = Raft(config, InitialState(), Direct())
    for _ in range(300):
        clock["ms"] += 10
        for raft in rafts.values():
            raft.tick()
    (leader,) = [raft for raft in rafts.values() if raft.is_leader]
    index = leader.append_entry("x")
    assert leader.is_applied(index)


def test_z17_call_out_of_a_callback_changes_nothing_until_the_call_under_way_is_through() -> None:
    terms: list[tuple[int, int]] = []

    class Calling(Quiet):
        def make_rpc(self, peer_id: int, rpc: Message) -> None:
            before = raft.current_term
            raft.handle_rpc(StaleTerm(before + 1, peer_id))
            terms.append((before, raft.current_term))

    now = {"ms": 0.0}
    config = Config(id=1, voters=[1, 2, 3], clock=lambda: now["ms"])
    raft = Raft(config, InitialState(), Calling())
    now["ms"] = 2000
    raft.tick()
    assert terms == [(0, 0), (0, 0)], "both pre-votes of one round leave in one term"
    assert raft.current_term == 1, "then it heard of the later one"


def test_z17_default_clock_does_not_follow_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = count(0, 10**9)
    monotonic = {"s": 1000.0}
    monkeypatch.setattr("time.time", lambda: float(next(wall)))
    monkeypatch.setattr("time.time_ns", lambda: next(wall) * 10**9)
    monkeypatch.setattr("time.monotonic", lambda: monotonic["s"])
    raft = Raft(Config(id=1, voters=[1]), InitialState(), Quiet())
    for _ in range(100):
        raft.tick()
    assert raft.current_term == 0, "no time passed, however far the wall clock was set"
    monotonic["s"] += 2.0
    raft.tick()
    assert raft.is_leader


def test_z19_restart_applies_from_where_the_state_machine_stands() -> None:
    solo = Solo(log_of(1, 1, 1))
    assert solo.core.commit_index == 0
    applied: list[str] = []

    class Applying(Quiet):
        def apply_entry(self, entry: str) -> None:
            applied.append(entry)

    state = InitialState(1, None, log_of(1, 1, 1), last_applied=2)
    raft = Raft(Config(id=1, voters=[1], clock=hurried()), state, Applying())
    while not raft.is_leader:
        raft.tick()
    assert applied == ["1.3"]


def hurried() -> Callable[[], float]:
    """A clock on which each look is 100 ms after the last."""
    ticks = count(0, 100)
    return lambda: float(next(ticks))


class Quiet:
    """Callbacks that keep nothing."""

    def make_rpc(self, peer_id: int, rpc: Message) -> None:
        raise OSError("nobody is there")

    def apply_entry(self, entry: str) -> None: ...

    def log_append(self, log_entry: LogEntry) -> None: ...

    def log_pop(self) -> LogEntry:
        return LogEntry(0, None)

    def persist_current_term(self, term: int) -> None: ...

    def persist_voted_for(self, voted_for: int | None) -> None: ...
