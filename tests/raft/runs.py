"""A world in which everything goes wrong that can, and what must hold after every step of it.

All messages are legal here, however late, so none of them may be refused either.
"""

import random
from collections.abc import Callable, Iterable
from contextlib import suppress

from node.raft.errors import RaftError, RemoteProtocolError
from node.raft.messages import AppendEntriesResponse, LogEntry, RequestVoteResponse
from node.raft.ready import Envelope
from tests.raft.cluster import TIMEOUT_US, Cluster, Node

STEPS = (300, 1000, 2000)
"""How long a run may be. In the long ones nodes lead again, and hear of what they sent before."""


class Run:
    """One world: its seed decides the cluster, its settings and every step."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        pick = self.rng.choice
        self.cluster = self.build(seed)
        self.steps = pick(STEPS)
        self.haste = pick([0.5, 3, 10])
        self.trouble = pick([0.1, 0.3, 1])
        self.committed: dict[int, LogEntry] = {}
        self.leaders: dict[int, int] = {}
        self.votes: dict[tuple[int, int], int] = {}
        self.proposed = 0
        self.read_floors: dict[object, int] = {}
        self.late: list[Envelope] = []
        self.checked = 0
        self.seen: dict[int, tuple[int, int]] = {}

    def build(self, seed: int) -> Cluster:
        pick = self.rng.choice
        return Cluster(
            pick([1, 2, 3, 3, 5]),
            seed,
            pre_vote=self.rng.random() < 0.7,
            check_quorum=self.rng.random() < 0.7,
            inflight_max=pick([1, 2, 64]),
            append_entries_max=pick([1, 2, 64]),
            uncommitted_max=pick([5, 4096]),
        )

    def step(self) -> None:
        steps = self.steps_to_take()
        weights = [weight for weight, _ in steps]
        (action,) = self.rng.choices([action for _, action in steps], weights)
        if self.cluster.up or action == self.restart:
            action()

    def steps_to_take(self) -> list[tuple[float, Callable[[], object]]]:
        """What may happen next, and how often."""
        return [
            (45, self.deliver_one),
            (1, self.deliver_late_one),
            (self.haste, self.tick),
            (20, lambda: self.some_up().work()),
            (5, self.propose),
            (4, self.read),
            (self.trouble, self.hold_disk),
            (2, lambda: self.some_up().release_disk()),
            (4, lambda: self.some_up().prompt()),
            (self.trouble, lambda: self.some_up().crash()),
            (2, self.restart),
            (self.trouble, self.cut),
            (1, self.cluster.heal),
            (0.5, self.transfer),
            (self.trouble, self.step_down),
            (self.trouble, self.lose),
            (4, self.want_lease),
            (0.05, self.wipe),
        ]

    def some_up(self) -> Node:
        return self.rng.choice(self.cluster.up)

    def deliver_one(self) -> None:
        """In any order, sometimes twice, sometimes never, sometimes much later."""
        flying = self.cluster.in_flight
        if not flying:
            self.cluster.work()
            self.cluster.tick(10_000)
            return
        position = 0 if self.rng.random() < 0.5 else self.rng.randrange(len(flying))
        envelope = flying[position][1]
        if self.rng.random() < 0.1:
            self.late.append(envelope)
        if self.rng.random() < 0.9:
            del flying[position]
        if self.rng.random() < 0.9:
            self.deliver(envelope)

    def deliver_late_one(self) -> None:
        if self.late:
            self.deliver(self.late.pop(self.rng.randrange(len(self.late))))

    def deliver(self, envelope: Envelope) -> None:
        if self.cluster[envelope.to].is_up:
            self.cluster.step(*envelope)

    def propose(self) -> None:
        for node in self.cluster.leaders:
            self.proposed += 1
            with suppress(RaftError):
                node.core.propose([self.proposed] * self.rng.choice([1, 3]))

    def tick(self) -> None:
        self.cluster.tick(self.rng.choice([1000, 10_000, 50_000, 100_000]))

    def hold_disk(self) -> None:
        self.some_up().holds_disk = True

    def restart(self) -> None:
        down = [node for node in self.cluster.nodes.values() if not node.is_up]
        if down:
            node = self.rng.choice(down)
            node.holds_disk = False
            node.restart()

    def cut(self) -> None:
        self.cluster.cut(self.rng.choice(sorted(self.cluster.nodes)))

    def transfer(self) -> None:
        for node in self.cluster.leaders:
            peers = sorted(node.core.configuration.voters - {node.id})
            if peers:
                node.core.transfer_leadership(self.rng.choice(peers), self.cluster.now)

    def read(self) -> None:
        """It has to see everything that anyone knew to be committed when it was asked."""
        number = len(self.read_floors)
        self.read_floors[number] = len(self.committed)
        with suppress(RaftError):
            self.some_up().core.read_index(number, self.cluster.now)

    def lose(self) -> None:
        """The connections of two nodes end, whether both of them live or not."""
        node = self.some_up()
        node.core.peer_lost(self.rng.choice(sorted(self.cluster.nodes)), self.cluster.now)

    def want_lease(self) -> None:
        for node in self.cluster.leaders:
            node.core.want_lease(self.cluster.now)

    def step_down(self) -> None:
        self.some_up().core.step_down(self.cluster.now, "its host wants it")

    def wipe(self) -> None:
        """A node loses its disk, while a majority has never lost one."""
        voting = [node for node in self.cluster.nodes.values() if node.voting]
        if len(voting) - 1 > len(self.cluster.voters) // 2:
            node = self.rng.choice(voting)
            node.crash()
            node.holds_disk = False
            node.wipe()

    def check_promises(self) -> None:
        """What was sent since the last look promises nothing that the disk does not hold."""
        for src, (to, message) in self.cluster.sent[self.checked :]:
            disk = self.cluster[src].disk
            if isinstance(message, AppendEntriesResponse) and message.success:
                assert self.cluster[src].voting, "a wiped node acknowledges"
                if disk.hard_state.current_term == message.term:
                    assert disk.last_index >= message.match_index, (
                        "acknowledged what is not durable"
                    )
            if isinstance(message, RequestVoteResponse) and message.vote_granted:
                saved = disk.hard_state
                assert saved.current_term > message.term or saved == (message.term, to)
        self.checked = len(self.cluster.sent)

    def check(self) -> None:
        self.check_promises()
        for node in self.cluster.up:
            core = node.core
            if core.is_leader:
                assert self.leaders.setdefault(core.term, node.id) == node.id, "two leaders"
            self.check_log(node)
        for node in self.cluster.leaders:
            index = node.core.lease_index(self.cluster.now)
            assert index is None or index >= len(self.committed), "a lease over a stale index"
        for node in self.cluster.up:
            for state in node.reads:
                floor = self.read_floors[state.context]
                assert state.read_index is None or state.read_index >= floor, "a stale read"
            node.reads.clear()
            term, voted_for = node.disk.hard_state
            if voted_for is not None:
                assert self.votes.setdefault((node.id, term), voted_for) == voted_for, "voted twice"

    def check_log(self, node: Node) -> None:
        """All of it now and then, else what is new since the last look."""
        looked_at, applied = (0, 0) if self.rng.random() < 0.02 else self.seen.get(node.id, (0, 0))
        core = node.core
        assert core.commit_index <= core.last_index
        first = max(min(looked_at, core.commit_index) + 1, core.first_index)
        for index, entry in enumerate(core.entries(first, core.commit_index), first):
            assert self.committed.setdefault(index, entry) == entry, "committed, and changed"
        applied = min(applied, len(node.applied))
        for index, entry in enumerate(node.applied[applied:], applied + 1):
            assert self.committed[index] == entry, "applied what is not committed"
        durable = max(node.disk.last_index, 0 if core.snapshot is None else core.snapshot.index)
        assert len(node.applied) <= durable, "applied before it was durable"
        self.seen[node.id] = (core.commit_index, len(node.applied))

    def recover(self) -> None:
        """Everything works again: the cluster has to as well."""
        self.cluster.heal()
        for node in self.cluster.nodes.values():
            node.release_disk()
            if not node.is_up:
                node.restart()
        self.cluster.run(30 * TIMEOUT_US, step_us=25_000)
        self.check()
        self.cluster.leader.core.propose(["end"])
        self.cluster.run(4 * TIMEOUT_US, step_us=25_000)
        self.check()
        for node in self.cluster.up:
            if node.voting:
                assert node.values[-1] == "end", f"n{node.id} did not catch up"


def run_seeds(seeds: Iterable[int], kind: type[Run] = Run) -> None:
    for seed in seeds:
        run = kind(seed)
        try:
            for _ in range(run.steps):
                run.step()
                run.check()
            run.recover()
        except (AssertionError, RemoteProtocolError) as error:
            raise AssertionError(f"seed {seed}: {error}") from error
