"""The library over callbacks: a log that is compacted, and members that come and go."""

import hashlib
import json
import random
from typing import Any

import pytest

from node.raft import (
    AddLearner,
    AppendEntries,
    ChangePendingError,
    Config,
    Configuration,
    ConfigurationError,
    DamagedSnapshotError,
    EntryId,
    EntryState,
    InitialState,
    InstallSnapshot,
    LogEntry,
    Message,
    NotCaughtUpError,
    NotLeaderError,
    Promote,
    Raft,
    ReceivedChunk,
    Remove,
    Snapshot,
    SnapshotId,
)
from tests.raft.hosts import Host, World


class Member:
    """A host whose machine is the list of what was applied, and whose disk is a few fields."""

    def __init__(self, town: "Town", member_id: int, voters: tuple[int, ...]) -> None:
        self.town = town
        self.id = member_id
        self.voters = voters
        self.term = 0
        self.voted_for: int | None = None
        self.base = EntryId(0, 0)
        self.log: list[LogEntry] = []
        self.files: dict[SnapshotId, bytes] = {}
        self.snapshot: Snapshot | None = None
        self.incoming = bytearray()
        self.configurations: list[Configuration] = []
        self.boot()

    def boot(self) -> None:
        self.applied: list[Any] = []
        if self.snapshot is not None:
            self.restore_snapshot(self.snapshot)
        state = InitialState(
            self.term, self.voted_for, list(self.log), base=self.base, snapshot=self.snapshot
        )
        config = Config(
            id=self.id,
            voters=self.voters,
            clock=lambda: self.town.now,
            rng=random.Random(self.id),
        )
        self.raft = Raft(config, state, self)

    def take_snapshot(self, keep: int = 0) -> Snapshot:
        document = [self.applied, self.raft.applied_configuration.to_map()]
        data = json.dumps(document).encode()
        digest = hashlib.sha256(data).digest()
        snapshot = self.raft.snapshot_saved(len(data), digest, keep)
        self.files[snapshot.id] = data
        return snapshot

    # -- what the library asks ---------------------------------------------------------------------
    def make_rpc(self, peer_id: int, rpc: Message) -> None:
        self.town.wires.append((peer_id, rpc))

    def apply_entry(self, entry: Any) -> None:
        self.applied.append(entry)

    def log_append(self, log_entry: LogEntry) -> None:
        self.log.append(log_entry)

    def log_pop(self) -> LogEntry:
        return self.log.pop()

    def persist_current_term(self, term: int) -> None:
        self.term = term

    def persist_voted_for(self, voted_for: int | None) -> None:
        self.voted_for = voted_for

    def configuration_changed(self, configuration: Configuration) -> None:
        self.configurations.append(configuration)

    def persist_snapshot(self, snapshot: Snapshot, base: EntryId) -> None:
        self.snapshot = snapshot
        del self.log[: base.index - self.base.index]
        self.base = base

    def read_snapshot(self, snapshot: SnapshotId, offset: int, length: int) -> bytes:
        return self.files.get(snapshot, b"")[offset : offset + length]

    def write_snapshot(self, chunk: ReceivedChunk) -> None:
        self.incoming[chunk.offset :] = chunk.data

    def check_snapshot(self, snapshot: SnapshotId) -> Configuration:
        data = bytes(self.incoming)
        if hashlib.sha256(data).digest() != snapshot.digest:
            raise DamagedSnapshotError(f"the snapshot at {snapshot.index}")
        self.files[snapshot] = data
        return Configuration.from_map(json.loads(data)[1])

    def restore_snapshot(self, snapshot: Snapshot) -> None:
        self.applied = json.loads(self.files[snapshot.id])[0]


class Town:
    """Members by id, a clock in milliseconds, and what is on the wires."""

    def __init__(self, size: int = 3) -> None:
        self.now = 0.0
        self.wires: list[tuple[int, Message]] = []
        self.away: set[int] = set()
        voters = tuple(range(size))
        self.members = {number: Member(self, number, voters) for number in voters}
        self.damage = False

    def join(self, member_id: int) -> Member:
        self.members[member_id] = Member(self, member_id, ())
        return self.members[member_id]

    def run(self, milliseconds: float) -> None:
        end = self.now + milliseconds
        while self.now < end:
            self.now += 50
            for number, member in self.members.items():
                if number not in self.away:
                    member.raft.tick()
            while self.wires:
                to, rpc = self.wires.pop(0)
                self.deliver(to, rpc)

    def deliver(self, to: int, rpc: Message) -> None:
        sender = getattr(rpc, "leader_id", None)
        if to in self.away or to not in self.members or sender in self.away:
            return
        if self.damage and isinstance(rpc, InstallSnapshot) and rpc.data:
            self.damage = False
            rpc = rpc._replace(data=b"?" + rpc.data[1:])
        self.members[to].raft.handle_rpc(rpc)

    def elect(self) -> Member:
        while not any(member.raft.is_leader for member in self.members.values()):
            self.run(50)
        self.run(600)
        return self.leader

    @property
    def leader(self) -> Member:
        return next(member for member in self.members.values() if member.raft.is_leader)

    def put(self, *values: Any) -> None:
        for value in values:
            self.leader.raft.append_entry(value)
        self.run(600)


def test_compacted_log_and_its_snapshot_are_what_a_member_boots_from() -> None:
    town = Town()
    leader = town.elect()
    town.put(*"abcde")
    snapshot = leader.take_snapshot(keep=2)
    assert (snapshot.index, leader.base.index, len(leader.log)) == (6, 4, 2)
    town.put("f")
    leader.boot()
    assert leader.applied == list("abcde")
    assert leader.raft.last_applied == 6
    town.run(3000)
    assert leader.applied == list("abcdef")


def test_member_that_needs_what_is_compacted_gets_the_snapshot_and_what_follows() -> None:
    town = Town()
    leader = town.elect()
    late = next(number for number in town.members if number != leader.id)
    town.away.add(late)
    town.put(*"abcde")
    leader.take_snapshot()
    town.put("f")
    assert leader.base.index == 6
    town.away.clear()
    town.run(2000)
    member = town.members[late]
    assert member.applied == list("abcdef")
    assert member.snapshot == leader.snapshot
    assert member.base.index == 6
    member.boot()
    assert member.applied == list("abcde")
    town.run(2000)
    assert member.applied == list("abcdef")


def test_damaged_snapshot_is_refused_and_sent_again_later() -> None:
    town = Town()
    leader = town.elect()
    late = next(number for number in town.members if number != leader.id)
    town.away.add(late)
    town.put(*"abc")
    leader.take_snapshot()
    town.away.clear()
    town.damage = True
    town.run(3000)
    assert not town.damage
    assert town.members[late].applied == []
    town.run(20_000)
    assert town.members[late].applied == list("abc")
    assert town.members[late].raft.error is None


def test_what_became_of_an_entry_is_forgotten_with_the_log() -> None:
    town = Town()
    leader = town.elect()
    entry = leader.raft.append("a")
    town.put("b")
    assert leader.raft.entry_state(entry.index, entry.term) is EntryState.APPLIED
    leader.take_snapshot()
    assert leader.raft.entry_state(entry.index, entry.term) is EntryState.FORGOTTEN
    assert leader.raft.entry_state(99, entry.term) is EntryState.PENDING


def test_snapshot_needs_callbacks_for_it_and_something_to_stand_for() -> None:
    world = World()
    leader = world.elect()
    with pytest.raises(ValueError, match="no snapshots"):
        leader.raft.snapshot_saved(1, b"x")
    town = Town()
    with pytest.raises(ValueError, match="nothing was applied"):
        town.members[0].raft.snapshot_saved(1, b"x")


def test_member_without_snapshots_that_is_sent_one_stops_with_a_clear_error() -> None:
    world = World()
    host: Host = world.hosts[0]
    host.raft.handle_rpc(AppendEntries(1, 1, 0, 0, [], 0, 1))
    with pytest.raises(TypeError, match="these callbacks take none"):
        host.raft.handle_rpc(InstallSnapshot(1, 1, 5, 1, 3, b"d", 0, b"abc", 2))
    assert isinstance(host.raft.error, TypeError)


def test_new_member_catches_up_is_promoted_and_an_old_one_leaves() -> None:
    town = Town()
    leader = town.elect()
    town.put(*"abc")
    leader.take_snapshot()
    newcomer = town.join(7)
    entry = leader.raft.change_membership(AddLearner(7, "seven:1", promote=True))
    assert leader.log[-1].entry == leader.raft.configuration
    assert entry == EntryId(leader.raft.current_term, leader.base.index + 1)
    town.run(3000)
    assert newcomer.applied == list("abc")
    assert leader.raft.configuration.voters == {0, 1, 2, 7}
    assert dict(newcomer.raft.configuration.addresses) == {7: "seven:1"}
    gone = next(number for number in (0, 1, 2) if number != leader.id)
    leader.raft.change_membership(Remove(gone))
    town.run(2000)
    assert leader.raft.configuration.members == {0, 1, 2, 7} - {gone}
    assert not leader.raft.configuration.is_joint
    told = [each for each in newcomer.configurations if each.is_joint]
    assert len(told) >= 1, "each step is told"


def test_changes_that_cannot_be_are_typed_errors_and_change_nothing() -> None:
    town = Town()
    leader = town.elect()
    before = leader.raft.configuration
    follower = next(m for m in town.members.values() if m is not leader)
    with pytest.raises(NotLeaderError):
        follower.raft.change_membership(Remove(0))
    with pytest.raises(ConfigurationError, match="is a member already"):
        leader.raft.change_membership(AddLearner(0))
    with pytest.raises(ConfigurationError, match="changes nothing"):
        leader.raft.change_membership()
    assert leader.raft.configuration == before
    entry = leader.raft.change_membership(AddLearner(8))
    with pytest.raises(ChangePendingError) as pending:
        leader.raft.change_membership(AddLearner(9))
    assert pending.value.index == entry.index
    town.run(600)
    with pytest.raises(NotCaughtUpError) as behind:
        leader.raft.change_membership(Promote(8))
    assert behind.value.member == 8


def test_configuration_survives_json_and_refuses_what_is_none() -> None:
    configuration = Configuration(
        frozenset({1, 2}), frozenset({3}), frozenset({1, 4}), frozenset({3}), ((1, "h:1"),)
    )
    document = json.loads(json.dumps(configuration.to_map()))
    assert Configuration.from_map(document) == configuration
    wrongs: list[object] = [
        [],
        {"voters": "1"},
        {"voters": [1], "x": 1},
        {"voters": [1], "addresses": [1]},
    ]
    for wrong in wrongs:
        with pytest.raises(ConfigurationError):
            Configuration.from_map(wrong)
