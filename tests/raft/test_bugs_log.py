"""Log and commit as others got them wrong; docs/known-bugs.md tells the stories."""

import pytest

from node.raft.configuration import Configuration
from node.raft.errors import ProposalDroppedError, RemoteProtocolError
from node.raft.events import PeerLogReverted
from node.raft.log import EntryId, Placed, RaftLog
from node.raft.messages import AppendEntries, AppendEntriesResponse, LogEntry, StaleTerm
from node.raft.progress import ProgressState
from node.raft.ready import HardState
from tests.raft.cluster import HEARTBEAT_US, TIMEOUT_US, Cluster
from tests.raft.solo import Solo, appends_to, log_of


def test_b15_entry_of_an_earlier_term_is_not_committed_by_count() -> None:
    """Figure 8 of the paper: S1 leads term 4 and has spread its entry of term 2 to a majority."""
    solo = Solo(log_of(1, 2), term=3, size=5)
    solo.lead()
    assert solo.terms == [1, 2, 4]
    solo.acknowledge(2, peer=2)
    solo.acknowledge(2, peer=3)
    assert solo.core.commit_index == 0, "(c): three of five hold entry 2, and it can still go"
    solo.append((1, 1), [LogEntry(3, "S5")], term=5, leader=5)
    assert solo.terms == [1, 3], "(d): S5 overwrites it"
    assert solo.applied == []

    other = Solo(log_of(1, 2), term=3, size=5)
    other.lead()
    other.acknowledge(3, peer=2)
    other.acknowledge(3, peer=3)
    assert other.core.commit_index == 3, "(e): an entry of term 4 commits all before it"


@pytest.mark.parametrize("keep", range(6))
def test_b16_delayed_append_never_shortens_a_matching_log(keep: int) -> None:
    entries = log_of(1, 1, 2, 2, 2)
    solo = Solo(entries, term=3)
    solo.append((5, 2), [LogEntry(3, "new")])
    for start in range(keep + 1):
        prev = (start, entries[start - 1].term if start else 0)
        solo.append(prev, entries[start:keep])
    assert solo.terms == [1, 1, 2, 2, 2, 3]


def test_b17_empty_append_commits_only_up_to_its_prefix() -> None:
    solo = Solo(log_of(*[1] * 9, 2, 2, 2), term=3)
    solo.append((9, 1), commit=11)
    assert solo.core.commit_index == 9


def test_b18_commit_and_match_never_go_back() -> None:
    solo = Solo()
    solo.lead()
    solo.core.propose([1, 2, 3])
    solo.work()
    for index in (4, 2, 3, 1):
        solo.acknowledge(index)
        assert (solo.core.progress[2].match_index, solo.core.commit_index) == (4, 4)
    follower = Solo(log_of(1, 1, 1))
    follower.append((3, 1), commit=3)
    follower.append((3, 1), commit=1)
    assert follower.core.commit_index == 3


def test_b19_acknowledgement_of_an_earlier_term_does_not_count() -> None:
    solo = Solo()
    solo.lead()
    solo.core.propose(["x"])
    solo.work()
    solo.append((0, 0), term=2, leader=3)
    solo.lead()
    late = AppendEntriesResponse(1, 2, True, 0, 1, match_index=2)
    solo.receive(late)
    assert solo.core.progress[2].match_index == 0
    assert solo.core.commit_index == 0


def test_b20_delayed_rejection_is_not_taken_for_a_lost_log() -> None:
    solo = Solo(log_of(1, 1))
    solo.lead()
    old = solo.newest_sequence
    solo.acknowledge(3)
    solo.tick(HEARTBEAT_US)
    solo.reject(2, (0, 0), sequence=old)
    solo.reject(2, (0, 0), sequence=old)
    assert solo.core.progress[2].match_index == 3
    assert not [event for event in solo.events if type(event).__name__ == "PeerLogReverted"]


def test_b20_late_append_of_an_earlier_term_is_not_taken_for_a_lost_log() -> None:
    leader = Solo(log_of(1, 1, 1, 1, 1))
    leader.lead()
    leader.acknowledge(6)
    for _ in range(2):
        leader.tick(HEARTBEAT_US)
    follower = Solo(log_of(1, 1, 1, 1, 1), term=2)
    for sequence in (1, leader.newest_sequence, 1000):
        for answer in follower.append((3, 1), term=1, sequence=sequence):
            assert isinstance(answer, AppendEntriesResponse | StaleTerm)
            leader.receive(answer._replace(responder_id=2))
    assert leader.core.progress[2].match_index == 6
    assert not [event for event in leader.events if isinstance(event, PeerLogReverted)]


@pytest.mark.parametrize("behind", [0, 1, 2, 10_000])
def test_b21_backtracking_takes_round_trips_by_terms_not_entries(behind: int) -> None:
    solo = Solo([LogEntry(1 + index // 5000, "x") for index in range(20_000)])
    solo.lead()
    follower = Solo(solo.core.entries(1, 20_000 - behind), term=solo.core.term)
    sequence, rounds = 1, 0
    while solo.core.progress[2].match_index == 0:
        progress = solo.core.progress[2]
        prev = progress.next_index - 1
        term = solo.core.log.term_at(prev)
        assert term is not None
        (answer,) = follower.append(
            (prev, term), term=solo.core.term, leader=2, sequence=solo.newest_sequence
        )
        assert isinstance(answer, AppendEntriesResponse)
        rounds += 1
        if answer.success:
            solo.acknowledge(answer.match_index)
            break
        solo.reject(prev, (answer.conflict_index, answer.conflict_term), sequence=sequence)
        sequence = solo.newest_sequence
        assert rounds < 10
    assert rounds <= 3


BLOCKS = 20


def blocks(*terms: int) -> list[LogEntry]:
    """A hundred entries of each term."""
    return [LogEntry(term, f"{term}.{number}") for term in terms for number in range(100)]


@pytest.mark.parametrize(
    ("mine", "theirs", "rounds_max"),
    [
        (blocks(1), blocks(1, 1, 1), 1),
        (blocks(1), blocks(1, 2, 3, 4), 1),
        (blocks(1, *range(3, 43, 2)), blocks(1, *range(2, 42, 2)), BLOCKS + 1),
        (blocks(1, 41), blocks(1, *range(2, 42, 2)), 2),
        (blocks(1, *range(3, 43, 2)), blocks(1, 2), 2),
        (blocks(1, 1, 1, 1, 41), blocks(1, 2, 3, 4), 3),
    ],
    ids=[
        "ahead",
        "ahead-in-later-terms",
        "other-terms-all-along",
        "many-of-theirs",
        "many-of-mine",
        "one-of-mine",
    ],
)
def test_b21_conflicting_logs_meet_in_round_trips_by_terms(
    mine: list[LogEntry], theirs: list[LogEntry], rounds_max: int
) -> None:
    cluster = Cluster(3)
    for node_id, entries in ((1, mine), (2, theirs), (3, mine)):
        cluster[node_id].disk.log = list(entries)
        cluster[node_id].disk.hard_state = HardState(50, None)
        cluster[node_id].boot()
    cluster.elect(1)
    answers = [
        message
        for src, (_, message) in cluster.of_type(AppendEntriesResponse)
        if src == 2 and isinstance(message, AppendEntriesResponse)
    ]
    rounds = [answer.success for answer in answers].index(True) + 1
    assert rounds <= rounds_max
    assert cluster[2].terms == cluster[1].terms
    assert cluster[2].disk.log[:-1] == mine


def test_backtracking_skips_whole_conflicting_terms_on_both_sides() -> None:
    leader = Solo(log_of(1, 1, 1, 5, 5, 5, 5), term=5)
    leader.lead()
    follower = Solo(log_of(1, 1, 1, 2, 2, 3, 3, 3), term=5)
    (answer,) = follower.append((7, 5), term=6)
    assert isinstance(answer, AppendEntriesResponse)
    assert (answer.conflict_index, answer.conflict_term) == (7, 3)
    (append, *_) = appends_to(leader.reject(7, (7, 3)))
    assert (append.prev_log_index, append.prev_log_term) == (3, 1)


def test_b22_append_that_does_not_fit_together_is_refused_whole() -> None:
    solo = Solo(log_of(1, 1), term=3)
    for entries in ([LogEntry(3, "a"), LogEntry(2, "b")], [LogEntry(4, "a")], [LogEntry(0, "a")]):
        with pytest.raises(RemoteProtocolError):
            solo.append((2, 1), entries, term=3)
    with pytest.raises(RemoteProtocolError):
        solo.append((0, 1), term=3)
    assert solo.terms == [1, 1]


def test_b23_leader_counts_itself_only_when_its_disk_has_the_entry() -> None:
    single = Cluster(1)
    node = single.elect()
    node.holds_disk = True
    node.core.propose(["x"])
    single.work()
    assert node.values == []
    node.release_disk()
    single.work()
    assert node.values == ["x"]

    cluster = Cluster(3)
    leader = cluster.elect(1)
    cluster.cut(3)
    leader.holds_disk = True
    leader.core.propose(["y"])
    cluster.deliver()
    assert cluster[2].core.last_index == leader.core.last_index
    assert leader.core.commit_index < leader.core.last_index, "one durable copy of three"
    leader.release_disk()
    cluster.deliver()
    assert leader.values == ["y"]


def test_b23_entry_that_followers_hold_survives_a_leader_that_loses_power_before_its_disk() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    leader.holds_disk = True
    leader.core.propose(["x"])
    cluster.deliver()
    assert leader.values == [], "two durable copies, and none of them here"
    cluster.tick(HEARTBEAT_US)
    cluster.send(1, leader.core.take_prompt().messages)
    cluster.deliver()
    assert [cluster[2].values, cluster[3].values] == [["x"], ["x"]], "a client may know of it"
    leader.crash()
    leader.holds_disk = False
    assert [entry.entry for entry in leader.disk.log] == [None]
    leader.restart()
    cluster.prefer(1)  # it asks first, and its log is too short
    cluster.run_until(lambda: bool(cluster.leaders))
    assert cluster.leader is not leader
    cluster.propose("y")
    cluster.run(2 * HEARTBEAT_US)
    assert [node.values for node in cluster.up] == [["x", "y"]] * 3


def test_b24_follower_vouches_only_for_what_is_durable() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    follower = cluster[2]
    follower.holds_disk = True
    leader.core.propose(["x"])
    cluster.run(HEARTBEAT_US * 2)
    assert leader.core.progress[2].match_index < leader.core.last_index
    follower.release_disk()
    cluster.run(HEARTBEAT_US * 2)
    assert leader.core.progress[2].match_index == leader.core.last_index


def test_b25_completion_of_an_old_write_does_not_vouch_for_new_entries() -> None:
    cluster = Cluster(3)
    node = cluster[1]
    cluster.step(1, AppendEntries(1, 2, 0, 0, [LogEntry(1, "old"), LogEntry(1, "old")], 0, 1))
    node.holds_disk = True
    cluster.work()
    cluster.step(1, AppendEntries(2, 3, 0, 0, [LogEntry(2, "new"), LogEntry(2, "new")], 2, 1))
    held = node.held
    assert held is not None
    node.held = None
    node.finish(held)  # the old entries reach the disk
    assert node.core.log.stable_index == 0
    assert node.applied == []
    node.holds_disk = False
    cluster.work()
    assert node.disk.log == [LogEntry(2, "new"), LogEntry(2, "new")]
    assert node.values == ["new", "new"]


def test_two_truncations_before_one_write_drop_from_the_lower_index() -> None:
    log = RaftLog(log_of(1, 1, 1, 1, 1), EntryId(0, 0), Placed(0, Configuration()))
    log.merge(3, [LogEntry(2, "a"), LogEntry(2, "b")], 0)
    log.merge(1, [LogEntry(3, "c")], 0)
    batch = log.take_unsaved()
    assert batch == (None, 2, 2, [LogEntry(3, "c")])
    log.write_done()
    log.merge(2, [LogEntry(3, "d")], 0)
    assert log.take_unsaved() == (None, None, 3, [LogEntry(3, "d")])


def test_b27_lost_answers_do_not_stop_a_follower_for_good() -> None:
    cluster = Cluster(3, inflight_max=2)
    leader = cluster.elect(1)
    cluster.drop = lambda src, dst, message: src == 3 and isinstance(message, AppendEntriesResponse)
    for number in range(10):
        cluster.propose(number)
    cluster.drop = lambda src, dst, message: False
    cluster.run(4 * HEARTBEAT_US)
    assert cluster[3].values == leader.values == list(range(10))

    cluster.drop = lambda src, dst, message: dst == 3
    cluster.propose("lost")
    cluster.drop = lambda src, dst, message: False
    cluster.run(4 * HEARTBEAT_US)
    assert cluster[3].values[-1] == "lost"
    assert leader.core.progress[3].state is ProgressState.REPLICATE


@pytest.mark.parametrize("size", [99, 100, 101, 199, 200, 201, 250])
def test_b28_entries_around_the_size_of_an_append_are_replicated(size: int) -> None:
    cluster = Cluster(3, entry_size=len, append_bytes_max=100)
    cluster.elect(1)
    cluster.propose(b"a", b"x" * size, b"b")
    cluster.run(2 * HEARTBEAT_US)
    assert [node.values for node in cluster.up] == [[b"a", b"x" * size, b"b"]] * 3
    for _, (_, message) in cluster.of_type(AppendEntries):
        assert isinstance(message, AppendEntries)
        total = sum(len(entry.entry or b"") for entry in message.entries)
        assert total <= 100 or len(message.entries) == 1


def test_b28_entry_that_no_room_is_left_for_is_refused_when_it_is_proposed() -> None:
    """The core has no limit for one entry, whose host knows one: only for what is uncommitted."""
    solo = Solo(entry_size=len, append_bytes_max=100, uncommitted_bytes_max=250)
    solo.lead()
    solo.acknowledge(1)
    solo.core.propose([b"x" * 249])
    with pytest.raises(ProposalDroppedError, match="249 bytes"):
        solo.core.propose([b"yy"])
    solo.core.propose([b"y"])
    solo.work()
    assert [len(entry.entry or b"") for entry in solo.core.entries(1, 9)] == [0, 249, 1]
    solo.acknowledge(3)
    solo.core.propose([b"z" * 251])  # nothing else is open: it may go alone
    (append, *_) = appends_to(solo.work())
    assert [len(entry.entry) for entry in append.entries] == [251]
    solo.acknowledge(4)
    assert solo.core.commit_index == 4


def test_b29_leader_without_a_majority_stops_taking_entries() -> None:
    cluster = Cluster(3, uncommitted_max=20, check_quorum=False)
    leader = cluster.elect(1)
    cluster.cut(1)
    for number in range(20):
        leader.core.propose([number])
    with pytest.raises(ProposalDroppedError):
        leader.core.propose(["one too many"])
    cluster.heal()
    cluster.run_until(lambda: leader.core.commit_index == leader.core.last_index)
    leader.core.propose(["again"])


def test_what_is_proposed_at_once_is_taken_where_nothing_waits_however_much_it_is() -> None:
    """Or it would be refused for ever."""
    cluster = Cluster(3, uncommitted_max=3, check_quorum=False)
    leader = cluster.elect(1)
    cluster.cut(1)
    leader.core.propose(list(range(8)))
    with pytest.raises(ProposalDroppedError):
        leader.core.propose(["one too many"])
    cluster.heal()
    cluster.run_until(lambda: leader.core.commit_index == leader.core.last_index)
    leader.core.propose(["again"])


def test_leader_cut_off_from_the_majority_steps_down_in_one_timeout() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    cluster.cut(1)
    cluster.run(2 * TIMEOUT_US)
    assert not leader.core.is_leader
