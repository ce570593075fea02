"""The replica: sessions, waiters and errors of machines; docs/known-bugs.md tells the stories."""

import pytest

from node.raft.messages import (
    AppendEntries,
    AppendEntriesResponse,
    LogEntry,
    ReadIndexResponse,
)
from node.replica import Ticket
from node.wire.envelope import EXPIRED_RESULT, ApplyError, read_result
from node.wire.messages import Answer, Applied, Failure
from tests.replica.driven import Driven, Recorder, command, leader_of_three


def result_of(message: object) -> bytes:
    assert isinstance(message, Applied)
    return read_result(message.result)


def test_b23_write_is_answered_only_once_the_disk_of_a_single_node_has_it() -> None:
    driven = Driven().lead()
    driven.replica.submit(Ticket("c", 1), command(7, 1, b"x"), driven.now)
    ready = driven.replica.ready()
    assert ready is not None
    driven.replica.apply(ready)
    assert driven.replica.ready() is None, "the write is under way"
    driven.collect()
    assert driven.replies == {}
    assert isinstance(driven.machine, Recorder)
    assert driven.machine.applied == []
    driven.replica.synced(ready, driven.now)
    driven.work()
    assert result_of(driven.replies[1]) == b"did x"


def test_b61_deposed_leaders_waiter_never_hears_success() -> None:
    driven = leader_of_three()
    driven.replica.submit(Ticket("c", 1), command(7, 1, b"mine"), driven.now)
    driven.work()
    other = command(8, 1, b"theirs")
    entries = [LogEntry(2, None), LogEntry(2, other)]
    driven.replica.step(AppendEntries(2, 3, 0, 0, entries, 2, 1), driven.now)
    driven.work()
    reply = driven.replies[1]
    assert isinstance(reply, Failure)
    assert reply.code in ("leadership_lost", "superseded")
    assert isinstance(driven.machine, Recorder)
    assert driven.machine.applied == [b"theirs"]


def test_b62_retried_command_is_applied_once_and_answered_from_the_first_time() -> None:
    driven = Driven().lead()
    first = result_of(driven.submit(1, command(7, 1, b"x")))
    again = result_of(driven.submit(2, command(7, 1, b"x")))
    assert first == again == b"did x"
    assert isinstance(driven.machine, Recorder)
    assert driven.machine.applied == [b"x"]


def test_b62_sessions_survive_a_restart_since_they_live_in_the_log() -> None:
    driven = Driven().lead()
    driven.submit(1, command(7, 1, b"x"))
    core = driven.replica.core
    again = Driven(log=core.entries(1, core.last_index)).lead()
    assert result_of(again.submit(1, command(7, 1, b"x"))) == b"did x"
    assert isinstance(again.machine, Recorder)
    assert again.machine.applied == [b"x"]


@pytest.mark.parametrize("is_committed", [True, False])
def test_b62_retry_across_a_change_of_leaders_is_applied_once(is_committed: bool) -> None:
    """The leader of term 1 took the command; node 1 follows it, and leads the terms after."""
    sealed = command(7, 1, b"x")
    entries = [LogEntry(1, None), LogEntry(1, sealed)]
    driven = Driven(size=3)
    driven.receive(AppendEntries(1, 2, 0, 0, entries, 2 if is_committed else 0, 1))
    assert isinstance(driven.machine, Recorder)
    assert driven.machine.applied == ([b"x"] if is_committed else [])
    driven.lead_of_three()
    assert driven.submit(1, sealed) is None, "both copies are in the log, neither counts alone"
    driven.acknowledge()
    assert result_of(driven.replies[1]) == b"did x"
    assert driven.machine.applied == [b"x"]

    # The next leader, on whose log both are already.
    core = driven.replica.core
    after = Driven(size=3, log=core.entries(1, core.last_index)).lead_of_three()
    assert after.submit(2, sealed) is None
    after.acknowledge()
    assert result_of(after.replies[2]) == b"did x"
    assert isinstance(after.machine, Recorder)
    assert after.machine.applied == [b"x"]


def test_b62_retry_that_follows_a_lost_first_copy_is_applied() -> None:
    sealed = command(7, 1, b"x")
    driven = leader_of_three()
    driven.submit(1, sealed)
    driven.receive(AppendEntries(2, 3, 0, 0, [LogEntry(2, None)], 1, 1))
    lost = driven.replies[1]
    assert isinstance(lost, Failure)
    assert (lost.code, lost.outcome) == ("leadership_lost", "unknown")
    driven.lead_of_three()
    driven.submit(2, sealed)
    driven.acknowledge()
    assert result_of(driven.replies[2]) == b"did x"
    assert isinstance(driven.machine, Recorder)
    assert driven.machine.applied == [b"x"]


@pytest.mark.parametrize("applied", range(1, 6))
def test_b37_crash_after_any_entry_applies_each_command_once(applied: int) -> None:
    """Machine, sessions and applied index begin anew together, so none can be ahead of another."""
    driven = Driven().lead()
    for number in range(1, 5):
        driven.submit(number, command(7, number, b"%d" % number))
    core = driven.replica.core
    log = core.entries(1, min(applied + 1, core.last_index))
    again = Driven(log=log)
    assert again.replica.last_applied == 0
    again.lead()
    for number in range(1, 5):  # the client repeats whatever it is not sure of
        again.submit(number, command(7, number, b"%d" % number))
    assert isinstance(again.machine, Recorder)
    assert again.machine.applied == [b"1", b"2", b"3", b"4"]
    assert again.replica.last_applied == again.replica.core.last_index


def test_b62_evicted_session_refuses_a_retry_instead_of_applying_it_again() -> None:
    driven = Driven(sessions_max=2).lead()
    driven.submit(1, command(7, 1, b"x", born=1))
    for client in (8, 9):
        driven.submit(client, command(client, 1, b"y", born=1))
    reply = driven.submit(20, command(7, 1, b"x", born=1))
    assert isinstance(reply, Applied)
    assert reply.result == EXPIRED_RESULT
    newcomer = driven.submit(21, command(10, 1, b"z", born=driven.replica.last_applied))
    assert result_of(newcomer) == b"did z"
    assert isinstance(driven.machine, Recorder)
    assert driven.machine.applied == [b"x", b"y", b"y", b"z"]


def test_sessions_keep_results_until_the_client_has_them() -> None:
    driven = Driven().lead()
    driven.submit(1, command(7, 1, b"a"))
    driven.submit(2, command(7, 2, b"b", acked=2))
    late = driven.submit(3, command(7, 1, b"a", acked=0))
    assert isinstance(late, Applied)
    assert late.result == EXPIRED_RESULT, "the client had it: a late copy is not applied"
    assert result_of(driven.submit(4, command(7, 2, b"b"))) == b"did b"


def test_b63_every_waiting_request_ends_when_leadership_is_lost() -> None:
    driven = leader_of_three()
    driven.replica.submit(Ticket("c", 1), command(7, 1, b"x"), driven.now)
    driven.replica.read(Ticket("c", 2), b"", "linearizable", False, driven.now)
    driven.work()
    assert driven.replies == {}
    driven.replica.step(AppendEntries(2, 3, 0, 0, [], 0, 1), driven.now)
    driven.work()
    lost, unread = driven.replies[1], driven.replies[2]
    assert isinstance(lost, Failure)
    assert (lost.code, lost.outcome) == ("leadership_lost", "unknown")
    assert isinstance(unread, Failure)
    assert (unread.code, unread.outcome) == ("no_quorum", "none")


def test_b63_stop_answers_writes_reads_and_transfers_that_wait() -> None:
    driven = leader_of_three()
    driven.replica.submit(Ticket("c", 1), command(7, 1, b"x"), driven.now)
    driven.replica.read(Ticket("c", 2), b"", "linearizable", False, driven.now)
    driven.replica.transfer(Ticket("c", 3), 3, driven.now)
    driven.work()
    assert driven.replies == {}
    driven.replica.stop()
    driven.collect()
    ended = {}
    for request_id, reply in driven.replies.items():
        assert isinstance(reply, Failure)
        ended[request_id] = (reply.code, reply.outcome)
    assert ended == {
        1: ("stopping", "unknown"),
        2: ("stopping", "none"),
        3: ("stopping", "unknown"),
    }
    driven.replies.clear()
    driven.replica.stop()
    driven.work()
    assert driven.replies == {}, "each ends once"


def test_b63_stop_answers_a_read_that_waits_for_its_index() -> None:
    driven = Driven(size=3)
    driven.receive(AppendEntries(1, 2, 0, 0, [LogEntry(1, None)], 0, 1))
    driven.replica.read(Ticket("c", 1), b"", "linearizable", True, driven.now)
    driven.work()
    (read_id,) = driven.replica.core.forwarded_reads
    driven.receive(ReadIndexResponse(1, 2, read_id, 1))
    assert driven.replies == {}, "confirmed, and not applied yet"
    driven.replica.stop()
    driven.collect()
    reply = driven.replies[1]
    assert isinstance(reply, Failure)
    assert (reply.code, reply.outcome) == ("stopping", "none")


def test_b64_the_same_log_gives_the_same_state_at_any_time() -> None:
    driven = Driven(sessions_max=2).lead()
    for client in range(5):
        driven.submit(client + 1, command(client, 1, b"%d" % client))
    core = driven.replica.core
    log = core.entries(1, core.last_index)
    states = []
    for start in (0, 10**15):
        other = Driven(log=log, sessions_max=2)
        other.now = start
        other.replica.core.role.election_deadline = start  # type: ignore[union-attr]
        other.lead()
        retried = other.submit(99, command(0, 1, b"0"))
        assert isinstance(retried, Applied)
        assert isinstance(other.machine, Recorder)
        states.append((other.machine.applied, retried.result))
    assert states[0] == states[1]


class Locks:
    """Who holds the lock, until when: a command is b"owner now duration", its time its own."""

    def __init__(self) -> None:
        self.state = (b"", 0)

    def apply(self, command: bytes, index: int) -> bytes:
        owner, now, duration = command.split()
        holder, until = self.state
        if holder not in (b"", owner) and int(now) < until:
            return b"held by " + holder
        self.state = (owner, int(now) + int(duration))
        return b"taken by " + owner

    def query(self, query: bytes) -> bytes:
        return b"%s %d" % self.state


def test_b64_time_enters_a_machine_with_its_commands_alone() -> None:
    bodies = [b"a 100 50", b"b 149 50", b"b 150 50", b"a 160 10", b"a 5 1000", b"a 200 7"]
    wanted = [b"taken by a", b"held by a", b"taken by b", b"held by b", b"held by b", b"taken by a"]
    first = Driven(machine=Locks()).lead()
    for number, body in enumerate(bodies, 1):
        assert result_of(first.submit(number, command(7, number, body))) == wanted[number - 1]
        first.now += 10**12  # whatever passes here meanwhile
    core = first.replica.core
    log = core.entries(1, core.last_index)
    for start, pace in ((0, 0), (10**15, 10**9)):
        other = Driven(machine=Locks(), log=log)
        other.now = start
        other.replica.core.role.election_deadline = start  # type: ignore[union-attr]
        other.lead()
        retried = []
        for number, body in enumerate(bodies, 1):
            other.now += pace
            retried.append(result_of(other.submit(number, command(7, number, body))))
        assert retried == wanted
        assert other.machine.query(b"") == first.machine.query(b"") == b"a 207"


def test_b65_exception_in_apply_is_a_result_like_any_other() -> None:
    driven = Driven().lead()
    failed = driven.submit(1, command(7, 1, b"boom"))
    assert isinstance(failed, Applied)
    with pytest.raises(ApplyError, match="ZeroDivisionError"):
        read_result(failed.result)
    assert result_of(driven.submit(2, command(7, 2, b"x"))) == b"did x"
    assert driven.replica.last_applied == failed.index + 1


class Moody(Recorder):
    """A machine whose exception tells which node it was raised on."""

    def __init__(self, node: str) -> None:
        super().__init__()
        self.node = node

    def apply(self, command: bytes, index: int) -> bytes:
        if command == b"boom":
            raise KeyError(f"{self.node} {id(self)}")
        return super().apply(command, index)


def test_b65_exception_is_the_same_result_on_two_replicas_and_heartbeats_go_on() -> None:
    sealed = command(7, 1, b"boom")
    leader = Driven(machine=Moody("one"), size=3).lead_of_three()
    leader.submit(1, sealed)
    leader.acknowledge()
    failed = leader.replies[1]
    assert isinstance(failed, Applied)
    leader.sent.clear()
    leader.now += leader.replica.core.config.heartbeat_us
    leader.replica.tick(leader.now)
    leader.work()
    beats = [message for message in leader.sent if isinstance(message, AppendEntries)]
    assert [beat.leader_commit for beat in beats] == [2, 2], "one to each follower"

    follower = Driven(machine=Moody("two"), size=3)
    entries = leader.replica.core.entries(1, 2)
    follower.receive(AppendEntries(1, 2, 0, 0, entries, 2, 1))
    assert follower.replica.last_applied == leader.replica.last_applied == 2
    follower.lead_of_three()
    follower.submit(1, sealed)  # a retry brings the result that it kept
    follower.acknowledge()
    kept = follower.replies[1]
    assert isinstance(kept, Applied)
    assert kept.result == failed.result
    with pytest.raises(ApplyError, match="KeyError"):
        read_result(kept.result)


def test_reads_see_every_acknowledged_write() -> None:
    driven = Driven().lead()
    driven.submit(1, command(7, 1, b"x"))
    driven.replica.read(Ticket("c", 2), b"", "linearizable", False, driven.now)
    driven.work()
    answer = driven.replies[2]
    assert isinstance(answer, Answer)
    assert (answer.result, answer.index) == (b"x", driven.replica.last_applied)


def test_wiped_node_takes_no_request() -> None:
    driven = Driven(voting=False)
    driven.submit(1, command(7, 1, b"x"))
    driven.replica.read(Ticket("c", 2), b"", "linearizable", True, driven.now)
    driven.replica.read(Ticket("c", 3), b"", "stale", True, driven.now)  # its machine is empty
    driven.work()
    for reply in driven.replies.values():
        assert isinstance(reply, Failure)
        assert (reply.code, reply.outcome) == ("wiped", "none")
    assert len(driven.replies) == 3


def test_overloaded_node_refuses_each_request_and_none_of_them_takes_effect() -> None:
    driven = Driven().lead()
    driven.replica.is_overloaded = True
    driven.replica.submit(Ticket("c", 1), command(7, 1, b"x"), driven.now)
    driven.replica.read(Ticket("c", 2), b"", "stale", False, driven.now)
    driven.replica.transfer(Ticket("c", 3), 0, driven.now)
    driven.replica.is_overloaded = False
    driven.work()
    for request_id in (1, 2, 3):
        reply = driven.replies[request_id]
        assert isinstance(reply, Failure)
        assert (reply.code, reply.outcome) == ("busy", "none")
    assert isinstance(driven.machine, Recorder)
    assert driven.machine.applied == []


def test_b34_full_disk_refuses_writes_until_there_is_space() -> None:
    driven = Driven().lead()
    driven.replica.submit(Ticket("c", 1), command(7, 1, b"x"), driven.now)
    ready = driven.replica.ready()
    assert ready is not None
    driven.replica.apply(ready)
    driven.replica.disk_full(driven.now)
    driven.replica.submit(Ticket("c", 2), command(7, 2, b"y"), driven.now)
    driven.collect()
    lost, refused = driven.replies[1], driven.replies[2]
    assert isinstance(lost, Failure)
    assert lost.outcome == "unknown"
    assert isinstance(refused, Failure)
    assert (refused.code, refused.outcome) == ("disk_full", "none")
    driven.replica.synced(ready, driven.now)
    driven.work()
    driven.lead()
    assert result_of(driven.submit(3, command(7, 1, b"x"))) == b"did x"


def test_b40_only_voter_goes_on_however_long_its_disk_takes() -> None:
    """There is nobody in favour of whom it could give way."""
    driven = Driven()
    replica = driven.replica
    for _ in range(10):
        driven.now = max(driven.now, replica.next_deadline)
        replica.tick(driven.now)
        if replica.core.is_leader and driven.replies == {}:
            replica.submit(Ticket("c", 1), command(7, 1, b"x"), driven.now)
        ready = replica.ready()
        if ready is None:
            continue
        replica.apply(ready)
        if ready.must_sync:
            driven.now += 5 * replica.core.config.election_timeout_us
            replica.tick(driven.now)
            replica.disk_stalls(driven.now)
            replica.take_prompt()
        replica.synced(ready, driven.now)
        driven.collect()
    assert replica.core.term == 1
    assert result_of(driven.replies[1]) == b"did x"


def test_b63_write_that_the_others_committed_does_not_wait_for_space_on_a_full_disk() -> None:
    driven = leader_of_three()
    driven.acknowledge()
    core = driven.replica.core
    driven.replica.submit(Ticket("c", 1), command(7, 1, b"x"), driven.now)
    ready = driven.replica.ready()
    assert ready is not None
    driven.replica.apply(ready)
    for peer in (2, 3):
        answer = AppendEntriesResponse(core.term, peer, True, 1, 1, match_index=core.last_index)
        driven.replica.step(answer, driven.now)
    assert core.commit_index == core.last_index, "they hold it, this node does not"
    driven.replica.disk_full(driven.now)
    driven.replica.take_prompt()
    driven.collect()
    reply = driven.replies[1]
    assert isinstance(reply, Failure)
    assert (reply.code, reply.outcome) == ("leadership_lost", "unknown")
