"""Random runs in which members come and go, logs are compacted, and snapshots travel."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from node.raft.configuration import AddLearner, Change, Configuration, Demote, Promote, Remove
from node.raft.errors import RaftError
from node.raft.log import Placed
from node.raft.messages import InstallSnapshot
from node.raft.ready import Envelope
from tests.raft.cluster import TIMEOUT_US, Cluster, Node
from tests.raft.nodes import Taken
from tests.raft.runs import Run

NODES_MAX = 9


class ChurnRun(Run):
    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.cluster.watch = self.look
        self.in_force: dict[int, Configuration] = {}
        """The configuration of each node when it was looked at last."""
        self.marks: dict[int, tuple[int, int, int | None, int]] = {}
        self.configured: dict[int, Configuration] = {}
        """Committed configurations, by the index of their entries."""
        self.states: dict[int, str] = {}
        self.entries: dict[tuple[int, int], tuple[object, int]] = {}
        self.unfinished: list[tuple[Node, int, Taken]] = []
        self.configured[0] = Configuration(self.cluster.voters)

    def build(self, seed: int) -> Cluster:
        pick = self.rng.choice
        cluster = Cluster(
            pick([1, 2, 3, 3, 4]),
            seed,
            pre_vote=self.rng.random() < 0.8,
            check_quorum=self.rng.random() < 0.8,
            inflight_max=pick([1, 2, 64]),
            append_entries_max=pick([1, 2, 64]),
            snapshot_chunk_bytes=pick([50, 100, 1000]),
            snapshot_window_bytes=pick([100, 300, 1000]),
        )
        cluster.saves_commit = pick([True, False])
        cluster.snapshot_bytes = pick([60, 400])
        return cluster

    def steps_to_take(self) -> list[tuple[float, Callable[[], object]]]:
        skipped = (self.wipe,)
        steps = [each for each in super().steps_to_take() if each[1] not in skipped]
        return [
            *steps,
            (2, self.take_snapshot),
            (0.5, self.begin_snapshot),
            (0.5, self.finish_snapshot),
            (3, self.change_members),
            (self.trouble, self.hold_install),
            (0.3, self.delete_old_snapshots),
            (1, lambda: self.some_up().release_install()),
        ]

    # -- what happens ------------------------------------------------------------------------------
    def deliver(self, envelope: Envelope) -> None:
        message = envelope.message
        if isinstance(message, InstallSnapshot) and message.data and self.rng.random() < 0.01:
            message = message._replace(data=bytes(len(message.data)))
        super().deliver(Envelope(envelope.to, message))

    def take_snapshot(self) -> None:
        node = self.some_up()
        if node.applied:
            node.finish_snapshot(node.begin_snapshot(), self.rng.choice([0, 1, 3, 20]))

    def begin_snapshot(self) -> None:
        node = self.some_up()
        if node.applied:
            self.unfinished.append((node, node.lives, node.begin_snapshot()))

    def finish_snapshot(self) -> None:
        """A snapshot that took its time: a newer one may count by now."""
        if self.unfinished:
            node, life, taken = self.unfinished.pop(self.rng.randrange(len(self.unfinished)))
            if node.is_up and node.lives == life:
                node.finish_snapshot(taken, self.rng.choice([0, 3]))

    def delete_old_snapshots(self) -> None:
        """Whether they are being sent or not: all but those that count, or will."""
        node = self.some_up()
        unsaved = node.core.snapshot
        for which in list(node.disk.files):
            if (node.disk.snapshot is None or which != node.disk.snapshot.id) and (
                unsaved is None or which != unsaved.id
            ):
                del node.disk.files[which]

    def hold_install(self) -> None:
        self.some_up().holds_install = True

    def change_members(self) -> None:
        for node in self.cluster.leaders:
            changes = self.pick_changes(node)
            with suppress(RaftError):
                node.core.change_membership(changes, self.cluster.now)
            self.cluster.watch(node)

    def pick_changes(self, leader: Node) -> list[Change]:
        """Any number of them, mostly such as can be."""
        configuration = leader.core.configuration
        changes: list[Change] = []
        for member in self.rng.sample(sorted(configuration.members), len(configuration.members)):
            if self.rng.random() < 0.3:
                is_learner = member in configuration.learners
                kinds: list[Callable[[int], Change]]
                kinds = [Promote, Promote, Remove] if is_learner else [Demote, Remove]
                changes.append(self.rng.choice(kinds)(member))
        while self.rng.random() < 0.4:
            changes.append(AddLearner(self.newcomer(configuration), "", self.rng.random() < 0.8))
        return changes

    def newcomer(self, configuration: Configuration) -> int:
        """Somebody new, or a member of earlier times with the log it had then."""
        outside = sorted(self.cluster.nodes.keys() - configuration.members)
        if len(self.cluster.nodes) < NODES_MAX and (not outside or self.rng.random() < 0.5):
            return self.cluster.add(max(self.cluster.nodes) + 1).id
        return self.rng.choice(outside or [1])

    # -- what must hold ----------------------------------------------------------------------------
    def look(self, node: Node) -> None:
        """After each call into a core, which counts copies at most once."""
        core = node.core
        snapshot_index = 0 if core.snapshot is None else core.snapshot.index
        assert core.log.base.index <= snapshot_index <= max(len(node.applied), snapshot_index)
        assert snapshot_index <= core.commit_index <= core.last_index
        term, _, voted_for, commit_index = self.marks.get(node.id, (0, 0, None, 0))
        life = node.lives
        if self.marks.get(node.id, (0, life, None, 0))[1] == life:
            assert core.term >= term, "a term went back"
            assert core.term > term or voted_for in (None, core.voted_for), "a vote was taken back"
            assert core.commit_index >= commit_index, "a commit index went back"
            if core.is_leader and core.commit_index > commit_index:
                self.check_copies(node, self.in_force[node.id])
        self.marks[node.id] = (core.term, life, core.voted_for, core.commit_index)
        self.in_force[node.id] = core.configuration

    def check_copies(self, leader: Node, configuration: Configuration) -> None:
        """What a leader commits is on the disks of a majority of every set of voters in force, be
        they up or not.
        """
        index = leader.core.commit_index
        term = leader.core.log.term_at(index)
        for half in filter(None, (configuration.voters, configuration.outgoing)):
            disks = [self.cluster[voter].disk for voter in half]
            holding = [disk for disk in disks if disk.term_at(index) == term]
            assert 2 * len(holding) > len(half), f"{index} was committed without a majority"

    def check(self) -> None:
        super().check()
        for node in self.cluster.up:
            state = self.states.setdefault(len(node.applied), node.state)
            assert state == node.state, f"two machines differ at {len(node.applied)}"
            self.check_matching(node)
        for node in self.cluster.leaders:
            open_ones = [each for each in configurations_of(node) if each.index > self.settled]
            assert len(open_ones) <= 1, "two configurations are on their way"

    @property
    def settled(self) -> int:
        return max(self.committed, default=0)

    def check_log(self, node: Node) -> None:
        super().check_log(node)
        for placed in configurations_of(node):
            if placed.index <= node.core.commit_index:
                expected = self.configuration_at(placed.index)
                known = placed.configuration == expected or not placed.configuration.members
                assert known, f"another configuration at {placed.index}"
        snapshot = node.core.snapshot
        if snapshot is not None:
            assert snapshot.configuration == self.configuration_at(snapshot.index)

    def configuration_at(self, index: int) -> Configuration:
        """What the committed entries say."""
        for position in range(index, 0, -1):
            entry = self.committed.get(position)
            if entry is not None and type(entry.entry) is Configuration:
                return entry.entry
        return self.configured[0]

    def check_matching(self, node: Node) -> None:
        """Two logs that share an entry share the one before it (paper 5.3)."""
        core = node.core
        first = core.first_index
        if self.rng.random() > 0.02:
            first = max(first, core.last_index - 3)
        before = core.log.term_at(first - 1)
        assert before is not None
        for index, entry in enumerate(core.entries(first, core.last_index), first):
            key = (index, entry.term)
            assert self.entries.setdefault(key, (entry.entry, before)) == (entry.entry, before)
            before = entry.term

    # -- afterwards --------------------------------------------------------------------------------
    def recover(self) -> None:
        """Everything works again: one leader, members that agree, no change left half done."""
        self.cluster.heal()
        for node in self.cluster.nodes.values():
            node.release_disk()
            node.release_install()
            if not node.is_up:
                node.restart()
        self.cluster.run(10 * TIMEOUT_US, step_us=25_000)
        if not (self.cluster.settings["pre_vote"] or self.cluster.settings["check_quorum"]):
            self.stop_strangers()
        self.cluster.run(30 * TIMEOUT_US, step_us=25_000)
        self.check()
        leader = self.cluster.leader
        configuration = leader.core.configuration
        assert not configuration.is_joint, "a joint configuration is not left"
        assert not configuration.promotable, "a learner that keeps up is not promoted"
        leader.core.propose(["end"])
        self.cluster.run(6 * TIMEOUT_US, step_us=25_000)
        self.check()
        for member in sorted(configuration.members):
            assert self.cluster[member].values[-1:] == ["end"], f"n{member} did not catch up"
            assert self.cluster[member].core.configuration == configuration
        leading = [node for node in self.cluster.leaders if node.id in configuration.members]
        assert len(leading) == 1, "more than one member leads"

    def stop_strangers(self) -> None:
        """Who was removed does not know it, and its candidacies do harm where nothing is ignored:
        neither pre-vote nor stickiness is on (thesis 4.2.3).
        """
        newest = max(
            self.cluster.nodes.values(), key=lambda n: (n.core.log.last_term, n.core.last_index)
        )
        for node in self.cluster.nodes.values():
            if node.id not in newest.core.configuration.members:
                node.crash()


def configurations_of(node: Node) -> Iterator[Placed]:
    yield from node.core.log._configurations
