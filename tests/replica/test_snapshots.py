"""Snapshots as a replica takes, keeps, restores and takes on; driven without a disk or a thread."""

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.machines.base import HistoryLostError, StateMachine
from node.machines.kv import KvMachine, decode_result, get, put, watch
from node.raft.config import CoreConfig
from node.raft.configuration import Configuration
from node.raft.messages import (
    AppendEntries,
    AppendEntriesResponse,
    InstallSnapshot,
    LogEntry,
    RequestPreVoteResponse,
    RequestVoteResponse,
)
from node.raft.ready import Ready
from node.raft.snapshot import Snapshot
from node.replica import Replica, Ticket
from node.replica.applying import Applying
from node.replica.compaction import CompactionPolicy
from node.replica.forwarding import Forwarded
from node.replica.outbox import Outbox
from node.replica.pending import Proposals
from node.replica.sessions import Sessions
from node.replica.snapshotting import LoadSnapshot, Snapshotting, WriteSnapshot
from node.replica.state import State, at_boot, capture, empty
from node.storage.base import CorruptionError, DiskFullError
from node.storage.memory import MemorySnapshots, MemoryStorage
from node.wire.messages import Answer, Applied, Document, Failure, WireMessage
from tests.replica.driven import Recorder, command

NEVER = CompactionPolicy(entries=0)


class Keeping:
    """A replica of one, with its storage and its snapshots."""

    def __init__(
        self,
        policy: CompactionPolicy = NEVER,
        storage: MemoryStorage | None = None,
        snapshots: MemorySnapshots | None = None,
        size: int = 1,
        state: State | None = None,
    ) -> None:
        self.now = 0
        self.storage = storage or MemoryStorage()
        self.snapshots = snapshots or MemorySnapshots("c")
        stored = self.storage.load()
        found, self.damages = at_boot(
            stored.snapshots, self.snapshots, stored.base.index, KvMachine
        )
        state = state or found
        config = CoreConfig(1, frozenset(range(1, size + 1)), entry_size=len)
        self.replica = Replica(config, stored, state, KvMachine, random.Random(1), 0, policy=policy)
        self.replies: dict[int, WireMessage] = {}

    def work(self) -> None:
        while (ready := self.replica.ready()) is not None:
            self.replica.apply(ready)
            self.save(ready)
            self.replica.synced(ready, self.now)
        for _, message in self.replica.take_replies(self.now):
            self.replies[message.id] = message  # type: ignore[union-attr]

    def save(self, ready: Ready) -> None:
        for chunk in ready.received:
            self.snapshots.put(chunk)
        if ready.must_sync:
            self.storage.save(ready)

    def lead(self) -> "Keeping":
        self.now = self.replica.next_deadline
        self.replica.tick(self.now)
        self.work()
        assert self.replica.core.is_leader
        return self

    def put(self, number: int, value: bytes = b"v", client: int = 7) -> WireMessage | None:
        sealed = command(client, number, put(f"k{number}", value))
        self.replica.submit(Ticket("c", number), sealed, self.now)
        self.work()
        return self.replies.get(number)

    def write(self) -> Snapshot | None:
        """Do the job that is due, as the host's thread does."""
        job = self.replica.take_job()
        if job is None:
            return None
        assert isinstance(job, WriteSnapshot)
        snapshot = job.run(self.snapshots, lambda parts: parts)
        self.replica.snapshot_written(snapshot)
        self.work()
        return snapshot

    def value(self, number: int) -> Any:
        return decode_result(self.replica.machine.query(get(f"k{number}")))

    def restart(self, policy: CompactionPolicy = NEVER) -> "Keeping":
        return Keeping(policy, self.storage, self.snapshots)


def filled(count: int, policy: CompactionPolicy = NEVER) -> Keeping:
    keeping = Keeping(policy).lead()
    for number in range(1, count + 1):
        assert isinstance(keeping.put(number), Applied)
    return keeping


# -- when ------------------------------------------------------------------------------------------
def test_snapshot_is_taken_at_the_multiples_of_the_policy_and_the_log_keeps_its_tail() -> None:
    keeping = filled(24, CompactionPolicy(entries=10, tail=4))
    snapshot = keeping.write()
    assert snapshot is not None
    assert snapshot.index == 10, "the second one was due before the first was written"
    assert keeping.replica.core.log.base.index == 6
    keeping.put(25)
    for number in range(26, 31):
        keeping.put(number)
    second = keeping.write()
    assert second is not None
    assert second.index == 30
    assert keeping.replica.core.first_index == 27


def test_bytes_of_commands_make_a_snapshot_due_and_bound_the_tail() -> None:
    keeping = Keeping(CompactionPolicy(entries=1000, bytes_max=4096, tail=1000)).lead()
    for number in range(1, 9):
        keeping.put(number, bytes(1000))
    snapshot = keeping.write()
    assert snapshot is not None
    assert 4 <= snapshot.index <= 6
    kept = keeping.replica.core.entries(1, snapshot.index)
    assert 1 <= len(kept) <= 2, "no more than half of it stays"


def test_bytes_after_the_newest_snapshot_count_after_a_start_as_well() -> None:
    """A node that was started anew takes its next one where the others do."""
    policy = CompactionPolicy(entries=1000, bytes_max=4096, tail=1000)
    keeping = Keeping(policy).lead()
    for number in range(1, 8):
        keeping.put(number, bytes(1000))
    first = keeping.write()
    assert first is not None
    again = keeping.restart(policy).lead()
    assert again.replica.take_job() is None, "three commands are less than that"
    again.put(8, bytes(1000))
    second = again.write()
    assert second is not None, "it is the fourth"
    assert second.index == again.replica.last_applied


def _due(policy: CompactionPolicy, entries: list[LogEntry], at_once: int) -> list[int]:
    """After which of `entries` a snapshot is taken, each of which is ready at once."""
    state = State(KvMachine(), Sessions())
    found: list[int] = []
    core, outbox = Keeping().replica.core, Outbox()
    snapshots = Snapshotting(core, outbox, policy)

    def take(machine: object) -> None:
        found.append(state.index)
        snapshots.installed(state)

    applying = Applying(state, snapshots, Proposals(), Forwarded(core, outbox), outbox, take)
    for first in range(0, len(entries), at_once):
        applying.apply(first + 1, entries[first : first + at_once])
    return found


@given(
    st.lists(st.sampled_from([None, 0, 50, 900, 5000]), max_size=60),
    st.integers(0, 25),
    st.integers(1, 60),
)
def test_snapshots_are_due_at_the_same_entries_however_many_are_applied_at_once(
    sizes: list[int | None], every: int, at_once: int
) -> None:
    """Or two nodes' snapshots would differ, and none could go on with what the other sent."""
    policy = CompactionPolicy(entries=every, bytes_max=4096)
    entries = [
        LogEntry(1, None if size is None else command(7, n, put("k", bytes(size))))
        for n, size in enumerate(sizes, 1)
    ]
    expected, since = [], 0
    for index, (_, entry) in enumerate(entries, 1):
        since += len(entry or b"")
        if every and (index % every == 0 or since >= 4096):
            expected.append(index)
            since = 0
    assert _due(policy, entries, at_once) == expected


@pytest.mark.parametrize(
    ("machine", "entries"), [(Recorder(), 25), (KvMachine(), 0)], ids=["has none", "on demand"]
)
def test_batch_is_gone_through_once_where_no_snapshot_is_taken(
    machine: StateMachine, entries: int
) -> None:
    """However many bytes of commands were applied, which is for ever too many then."""
    state, core, outbox = State(machine, Sessions()), Keeping().replica.core, Outbox()
    snapshots = Snapshotting(core, outbox, CompactionPolicy(entries=entries, bytes_max=100))
    applying = Applying(state, snapshots, Proposals(), Forwarded(core, outbox), outbox, print)
    calls = 0
    run = state.sessions.apply

    def counted(*given: Any) -> list[bytes]:
        nonlocal calls
        calls += 1
        return run(*given)

    state.sessions.apply = counted  # type: ignore[assignment, method-assign]
    for first in (1, 501):
        batch = [LogEntry(1, command(7, n, put("k", b"v"))) for n in range(first, first + 500)]
        applying.apply(first, batch)
    assert calls == 2


def test_while_a_snapshot_is_written_none_is_due_and_the_next_one_is_at_once() -> None:
    keeping = Keeping(CompactionPolicy(entries=1000, bytes_max=4096)).lead()
    for number in range(1, 6):
        keeping.put(number, bytes(1000))
    job = keeping.replica.take_job()
    assert isinstance(job, WriteSnapshot)
    for number in range(6, 30):
        keeping.put(number, bytes(1000))
    assert keeping.replica.take_job() is None
    keeping.replica.snapshot_written(job.run(keeping.snapshots, lambda parts: parts))
    keeping.work()
    keeping.put(30)
    second = keeping.write()
    assert second is not None
    assert second.index == keeping.replica.last_applied


def test_policy_may_be_changed_while_the_node_runs() -> None:
    keeping = filled(9)
    assert keeping.replica.last_applied == 10
    assert keeping.write() is None
    keeping.replica.snapshots.policy = CompactionPolicy(entries=5, tail=0)
    for number in range(10, 17):
        keeping.put(number)
    snapshot = keeping.write()
    assert snapshot is not None
    assert snapshot.index == 15


def test_snapshot_on_demand_is_answered_when_it_is_there_and_again_at_once() -> None:
    keeping = filled(3)
    keeping.replica.take_snapshot(Ticket("c", 100))
    keeping.work()
    assert 100 not in keeping.replies
    snapshot = keeping.write()
    assert snapshot is not None
    reply = keeping.replies[100]
    assert isinstance(reply, Document)
    assert (reply.value["index"], reply.value["bytes"]) == (snapshot.index, snapshot.id.size)
    keeping.replica.take_snapshot(Ticket("c", 101))
    keeping.work()
    assert isinstance(keeping.replies[101], Document)
    assert keeping.replica.take_job() is None


def test_snapshot_on_demand_holds_all_that_was_applied_before_it_was_asked_for() -> None:
    """One that is being written already does not, so another one follows it."""
    keeping = filled(3)
    keeping.replica.take_snapshot(Ticket("c", 100))
    job = keeping.replica.take_job()
    assert isinstance(job, WriteSnapshot)
    keeping.put(4)
    keeping.replica.take_snapshot(Ticket("c", 101))
    keeping.replica.snapshot_written(job.run(keeping.snapshots, lambda parts: parts))
    keeping.work()
    first = keeping.replies[100]
    assert isinstance(first, Document)
    assert first.value["index"] == 4
    assert 101 not in keeping.replies
    keeping.write()
    second = keeping.replies[101]
    assert isinstance(second, Document)
    assert second.value["index"] == 5
    assert keeping.replica.take_job() is None


def test_snapshot_of_a_newcomer_that_knows_no_members_yet_fails_and_is_not_taken_again() -> None:
    """What it applies may stand in front of the first entry that says who they are."""
    keeping = Keeping(size=0)
    entries = [LogEntry(1, command(7, number, put(f"k{number}", b"v"))) for number in (1, 2)]
    keeping.replica.step(AppendEntries(1, 2, 0, 0, entries, 2, 1), 0)
    keeping.work()
    assert keeping.replica.last_applied == 2
    keeping.replica.take_snapshot(Ticket("c", 100))
    keeping.write()
    reply = keeping.replies[100]
    assert isinstance(reply, Failure)
    assert reply.code == "snapshot_failed"
    assert keeping.replica.take_job() is None


def test_machine_that_cannot_be_written_down_keeps_its_log_and_says_so() -> None:
    storage = MemoryStorage()
    config = CoreConfig(1, frozenset({1}), entry_size=len)
    state = empty(Recorder)
    policy = CompactionPolicy(entries=2, tail=0)
    replica = Replica(config, storage.load(), state, Recorder, random.Random(1), 0, policy=policy)
    replica.tick(replica.next_deadline)
    for number in range(1, 9):
        replica.submit(Ticket("c", number), command(7, number, b"x"), 0)
        while (ready := replica.ready()) is not None:
            replica.apply(ready)
            replica.synced(ready, 0)
    assert replica.take_job() is None
    replica.take_snapshot(Ticket("c", 50))
    replies = {m.id: m for _, m in replica.take_replies(0)}  # type: ignore[union-attr]
    assert isinstance(replies[50], Failure)
    assert "cannot be written down" in replies[50].message


def test_failed_snapshot_is_told_and_the_next_one_may_come() -> None:
    keeping = filled(3)
    keeping.replica.take_snapshot(Ticket("c", 100))
    assert keeping.replica.take_job() is not None
    keeping.replica.snapshot_failed("no space")
    keeping.work()
    reply = keeping.replies[100]
    assert isinstance(reply, Failure)
    assert (reply.code, reply.outcome) == ("snapshot_failed", "none")
    keeping.replica.take_snapshot(Ticket("c", 101))
    assert keeping.write() is not None


class Unwritable(KvMachine):
    """Its `snapshot` fails until it is mended."""

    is_mended = False

    def snapshot(self) -> Iterator[bytes]:
        if not self.is_mended:
            raise ZeroDivisionError("no snapshot of this")
        return super().snapshot()


def test_b65_machine_that_raises_in_snapshot_costs_the_snapshot_and_not_the_node() -> None:
    """All nodes take theirs at the same entry: all would stop there, at each start anew."""
    machine = Unwritable()
    state = State(machine, Sessions())
    keeping = Keeping(CompactionPolicy(entries=5), state=state).lead()
    for number in range(1, 8):
        assert isinstance(keeping.put(number), Applied)
    keeping.replica.take_snapshot(Ticket("c", 100))
    with pytest.raises(ZeroDivisionError):
        keeping.write()
    keeping.replica.snapshot_failed("no snapshot of this")
    keeping.work()
    assert isinstance(keeping.replies[100], Failure)
    machine.is_mended = True
    for number in range(8, 11):
        keeping.put(number)
    assert keeping.write() is not None


# -- what ------------------------------------------------------------------------------------------
def test_what_is_applied_while_a_snapshot_is_written_is_not_in_it() -> None:
    keeping = filled(5)
    keeping.replica.take_snapshot(Ticket("c", 100))
    job = keeping.replica.take_job()
    assert isinstance(job, WriteSnapshot)
    for number in range(6, 60):
        keeping.put(number)
    keeping.put(1000, b"late")
    snapshot = job.run(keeping.snapshots, lambda parts: parts)
    keeping.replica.snapshot_written(snapshot)
    keeping.work()
    state, damages = at_boot([snapshot], keeping.snapshots, 1, KvMachine)
    assert damages == []
    assert decode_result(state.machine.query(get("k5"))) == [b"v", 6]
    assert decode_result(state.machine.query(get("k6"))) is None


def test_same_entries_make_the_same_snapshot_however_a_node_came_by_them() -> None:
    """One node applied all of them, the other began with a snapshot: a third one may be sent the
    first half by the one and the second by the other.
    """
    keeping, snapshot = snapshot_of(40)
    fresh, _ = at_boot([snapshot], keeping.snapshots, 1, KvMachine)
    whole = keeping.replica.state
    for state in (whole, fresh):
        for index in range(50, 90):
            sealed = command(index % 3, index, put(f"k{index % 11}", b"w"), acked=index - 5)
            state.sessions.apply([sealed], index, state.machine.apply)
    one, other = (
        list(capture(state.machine, state.sessions))  # type: ignore[arg-type]
        for state in (whole, fresh)
    )
    assert one == other
    assert len(one) >= 2


def test_b62_sessions_live_in_the_snapshot_so_a_retry_finds_its_first_result() -> None:
    keeping = filled(5)
    keeping.replica.take_snapshot(Ticket("c", 100))
    keeping.write()
    keeping.replica.core.log.compact(keeping.replica.last_applied)
    keeping.work()
    again = keeping.restart().lead()
    assert again.replica.core.first_index > 5, "what was applied is not in the log any more"
    before = again.value(3)
    reply = again.put(3)
    assert isinstance(reply, Applied)
    assert reply.result == b"\x00" + b"\xf4", "as the first time: the key was not there"
    assert again.value(3) == before


def test_restored_machine_has_no_changes_of_the_time_before() -> None:
    keeping = filled(5)
    keeping.replica.take_snapshot(Ticket("c", 100))
    keeping.write()
    again = keeping.restart()
    machine = again.replica.machine
    assert isinstance(machine, KvMachine)
    with pytest.raises(HistoryLostError):
        machine.changes(watch("k"), 2)


class FullShelf(MemorySnapshots):
    """No room after the first piece."""

    def write(
        self, index: int, term: int, configuration: Configuration, parts: Iterator[bytes]
    ) -> Snapshot:
        next(parts)
        raise DiskFullError("no space")


def test_parts_of_a_snapshot_that_cannot_be_written_are_taken_nevertheless() -> None:
    """Taking them is how the state goes in pieces."""
    keeping = filled(3)
    keeping.replica.take_snapshot(Ticket("c", 100))
    job = keeping.replica.take_job()
    assert isinstance(job, WriteSnapshot)
    with pytest.raises(DiskFullError):
        job.run(FullShelf("c"), lambda parts: parts)
    assert next(job.parts, None) is None


# -- at boot ---------------------------------------------------------------------------------------
def damaged(snapshots: MemorySnapshots, snapshot: Snapshot) -> None:
    data = bytearray(snapshots._complete[snapshot.id])
    data[len(data) // 2] ^= 1
    snapshots._complete[snapshot.id] = bytes(data)


def two_snapshots(tail: int) -> tuple[Keeping, Snapshot, Snapshot]:
    keeping = Keeping(CompactionPolicy(entries=0, tail=tail)).lead()
    found = []
    for number in range(1, 21):
        keeping.put(number)
        if number in (10, 20):
            keeping.replica.take_snapshot(Ticket("c", 100 + number))
            found.append(keeping.write())
    older, newer = found
    assert older is not None
    assert newer is not None
    return keeping, older, newer


def test_b45_damaged_newest_snapshot_gives_way_to_an_older_one_that_the_log_follows() -> None:
    keeping, _, newer = two_snapshots(tail=15)
    damaged(keeping.snapshots, newer)
    again = keeping.restart()
    assert len(again.damages) == 1
    again.lead()
    assert again.value(20) is not None
    assert again.value(1) is not None


def test_b45_damaged_newest_snapshot_over_a_hole_stops_the_node() -> None:
    keeping, older, newer = two_snapshots(tail=3)
    damaged(keeping.snapshots, newer)
    with pytest.raises(CorruptionError, match="nothing can be made of it"):
        keeping.restart()
    assert older.index < keeping.replica.core.log.base.index


def test_b45_state_that_cannot_be_read_to_its_end_is_never_served() -> None:
    keeping = filled(3)
    keeping.replica.take_snapshot(Ticket("c", 100))
    snapshot = keeping.write()
    assert snapshot is not None

    class Fussy(KvMachine):
        def restore(self, parts: Iterator[bytes], index: int) -> None:
            next(parts)

    class Broken(KvMachine):
        def restore(self, parts: Iterator[bytes], index: int) -> None:
            raise ZeroDivisionError

    big = filled(3)
    for number in range(4, 40):
        big.put(number, bytes(10_000))
    big.replica.take_snapshot(Ticket("c", 100))
    large = big.write()
    assert large is not None
    with pytest.raises(CorruptionError, match="not read to its end"):
        at_boot([large], big.snapshots, 1, Fussy)
    with pytest.raises(CorruptionError, match="ZeroDivisionError"):
        at_boot([snapshot], keeping.snapshots, 1, Broken)


# -- from the leader -------------------------------------------------------------------------------
def follower_of(keeping: Keeping, snapshot: Snapshot) -> tuple[Keeping, LoadSnapshot]:
    """Node 1 of three, which was sent `snapshot` and has not loaded it yet."""
    follower = Keeping(size=3)
    follower.replica.step(AppendEntries(1, 2, 0, 0, [LogEntry(1, None)], 1, 1), 0)
    follower.work()
    data = keeping.snapshots._complete[snapshot.id]
    which = snapshot.id
    half = len(data) // 2
    for sequence, (offset, part) in enumerate([(0, data[:half]), (half, data[half:])], 2):
        follower.replica.step(
            InstallSnapshot(
                1, 2, which.index, which.term, which.size, which.digest, offset, part, sequence
            ),
            0,
        )
        follower.work()
    job = follower.replica.take_job()
    assert isinstance(job, LoadSnapshot)
    return follower, job


def snapshot_of(count: int) -> tuple[Keeping, Snapshot]:
    keeping = filled(count)
    keeping.replica.take_snapshot(Ticket("c", 100))
    snapshot = keeping.write()
    assert snapshot is not None
    return keeping, snapshot


def load(follower: Keeping, job: LoadSnapshot) -> State:
    return job.run(follower.snapshots, lambda parts: parts)


class Fragile(KvMachine):
    """Its `restore` fails when it has most of it, and dropping it fails as well."""

    steps = 0

    def restore(self, parts: Iterator[bytes], index: int) -> None:
        super().restore(parts, index)
        raise ZeroDivisionError

    def dismantle(self) -> Iterator[None]:
        for _ in super().dismantle():
            type(self).steps += 1
            yield
        raise ZeroDivisionError


def test_machine_that_a_snapshot_does_not_fit_is_dropped_in_pieces() -> None:
    keeping, snapshot = snapshot_of(8)
    follower, job = follower_of(keeping, snapshot)
    with pytest.raises(CorruptionError, match="ZeroDivisionError"):
        load(follower, job._replace(new_machine=Fragile))
    assert Fragile.steps == 1


def test_snapshot_from_the_leader_becomes_the_state_and_what_follows_is_applied_on_it() -> None:
    keeping, snapshot = snapshot_of(8)
    follower, job = follower_of(keeping, snapshot)
    assert follower.replica.snapshot_loaded(load(follower, job))
    follower.work()
    assert follower.value(8) == [b"v", 9]
    assert follower.replica.last_applied == snapshot.index
    late = command(7, 9, put("k9", b"w"))
    follower.replica.step(AppendEntries(1, 2, 9, 1, [LogEntry(1, late)], 10, 9), 0)
    follower.work()
    assert follower.value(9) == [b"w", 10]
    again = Keeping(storage=follower.storage, snapshots=follower.snapshots, size=3)
    assert again.value(8) == [b"v", 9]


def test_b43_own_snapshot_that_ends_after_a_newer_one_came_in_does_not_count() -> None:
    keeping, snapshot = snapshot_of(8)
    follower, job = follower_of(keeping, snapshot)
    older = replace(snapshot, id=snapshot.id._replace(index=1))
    assert follower.replica.snapshot_loaded(load(follower, job))
    assert not follower.replica.snapshot_written(older)
    follower.work()
    assert follower.replica.core.snapshot == snapshot
    assert follower.replica.kept_snapshots == {snapshot.id}


def test_b41_snapshot_that_was_loaded_too_late_changes_nothing() -> None:
    keeping, snapshot = snapshot_of(8)
    follower, job = follower_of(keeping, snapshot)
    state = load(follower, job)
    log = keeping.replica.core.entries(1, 9)
    follower.replica.step(AppendEntries(1, 2, 0, 0, log, 9, 9), 0)
    follower.work()
    machine = follower.replica.machine
    assert not follower.replica.snapshot_loaded(state)
    assert follower.replica.machine is machine
    assert state.machine is not machine, "it is what nobody uses"


def test_b45_damaged_snapshot_from_the_leader_is_refused_and_the_state_stays() -> None:
    keeping, snapshot = snapshot_of(8)
    damaged(keeping.snapshots, snapshot)
    follower, job = follower_of(keeping, snapshot)
    with pytest.raises(CorruptionError):
        load(follower, job)
    follower.replica.snapshot_refused(job.snapshot)
    follower.work()
    assert follower.replica.last_applied == 1
    assert follower.replica.take_job() is None


def test_what_a_snapshot_replaced_is_handed_back_to_be_dropped_elsewhere() -> None:
    keeping, snapshot = snapshot_of(8)
    follower, job = follower_of(keeping, snapshot)
    state = load(follower, job)
    old, new = follower.replica.machine, state.machine
    assert follower.replica.snapshot_loaded(state)
    assert follower.replica.machine is new
    assert state.machine is old
    deque(state.dismantle(), maxlen=0)
    assert follower.value(8) == [b"v", 9]


def test_snapshot_in_use_and_the_one_on_record_are_both_kept() -> None:
    keeping, older, newer = two_snapshots(tail=3)
    assert keeping.replica.kept_snapshots == {newer.id}
    keeping.put(21)
    keeping.replica.take_snapshot(Ticket("c", 300))
    job = keeping.replica.take_job()
    assert isinstance(job, WriteSnapshot)
    newest = job.run(keeping.snapshots, lambda parts: parts)
    keeping.replica.snapshot_written(newest)
    assert keeping.replica.kept_snapshots == {newer.id, newest.id}, "it is not on record yet"
    keeping.work()
    assert keeping.replica.kept_snapshots == {newest.id}
    assert older.id not in keeping.replica.kept_snapshots


def test_installed_snapshot_loses_no_command_for_certain() -> None:
    """It may hold what others committed, and this node, which led then, has not applied."""
    keeping, snapshot = snapshot_of(8)
    follower, job = follower_of(keeping, snapshot)
    three = leading_three()
    three.replica.submit(Ticket("c", 50), command(7, 1, put("k1", b"v")), three.now)
    assert three.replica.ready() is not None, "it is being written here"
    for node_id in (2, 3):
        answer = AppendEntriesResponse(1, node_id, True, 1, 2, match_index=2)
        three.replica.step(answer, three.now)
    assert three.replica.core.commit_index == 2
    three.replica.step(AppendEntries(2, 2, 2, 1, [], 2, 1), three.now)
    assert three.replica.snapshot_loaded(load(follower, job))
    ((_, failure),) = three.replica.take_replies(three.now)
    assert isinstance(failure, Failure)
    assert (failure.code, failure.outcome) == ("leadership_lost", "unknown")


# -- reads under a lease ---------------------------------------------------------------------------
def test_b60_answer_under_a_lease_that_ended_before_it_leaves_is_confirmed_first() -> None:
    """The process stood still between reading the clock and handing out the answer."""
    keeping = filled(2)
    keeping.replica.read(Ticket("c", 50), get("k1"), "lease", False, keeping.now)
    replies = keeping.replica.take_replies(keeping.now)
    assert [type(message) for _, message in replies] == [Answer]
    three = leading_three()
    three.replica.read(Ticket("c", 51), get("k1"), "lease", False, three.now)
    later = three.now + 3 * three.replica.core.config.election_timeout_us
    assert three.replica.take_replies(later) == []
    assert three.replica.core.role.reads.pending, "a majority is asked"  # type: ignore[union-attr]


def leading_three() -> Keeping:
    three = Keeping(size=3)
    three.now = three.replica.next_deadline
    three.replica.tick(three.now)
    three.work()
    for message in (RequestPreVoteResponse(0, 2, 1, True), RequestVoteResponse(1, 2, True)):
        three.replica.step(message, three.now)
        three.work()
    three.replica.core.want_lease(three.now)
    three.now = three.replica.next_deadline
    three.replica.tick(three.now)
    three.work()
    newest = three.replica.core.role.sequence  # type: ignore[union-attr]
    three.replica.step(AppendEntriesResponse(1, 2, True, 0, newest, match_index=1), three.now)
    three.work()
    assert three.replica.core.lease_index(three.now) == 1
    return three


def test_stale_answer_says_how_old_it_may_be() -> None:
    follower = Keeping(size=3)
    follower.replica.step(AppendEntries(1, 2, 0, 0, [LogEntry(1, None)], 1, 1), 0)
    follower.work()
    follower.replica.read(Ticket("c", 1), get("k"), "stale", True, 7_000)
    follower.work()
    answer = follower.replies[1]
    assert isinstance(answer, Answer)
    assert answer.age_ms == 7
