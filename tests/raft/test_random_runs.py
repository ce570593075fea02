"""Random schedules of everything that can go wrong, and what must hold after every step of them."""

import random
from contextlib import suppress

import pytest

from node.raft.errors import RaftError
from node.raft.messages import LogEntry
from tests.raft.cluster import TIMEOUT_US, Cluster, Node

STEPS = 400


class Run:
    """One world: its seed decides the cluster, its settings and every step."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        pick = self.rng.choice
        self.cluster = Cluster(
            pick([1, 2, 3, 3, 5]),
            seed,
            pre_vote=self.rng.random() < 0.7,
            check_quorum=self.rng.random() < 0.7,
            inflight_max=pick([1, 2, 64]),
            append_entries_max=pick([1, 2, 64]),
            uncommitted_max=pick([5, 4096]),
        )
        self.committed: dict[int, LogEntry] = {}
        self.leaders: dict[int, int] = {}
        self.votes: dict[tuple[int, int], int] = {}
        self.proposed = 0

    def step(self) -> None:
        steps = [
            (45, self.deliver_one),
            (15, lambda: self.cluster.tick(self.rng.choice([1000, 10_000, 50_000, 100_000]))),
            (20, lambda: self.some_up().work()),
            (8, self.propose),
            (2, self.toggle_disk),
            (2, lambda: self.some_up().crash()),
            (3, self.restart),
            (2, self.change_links),
            (1, self.transfer),
            (2, self.read),
        ]
        weights = [weight for weight, _ in steps]
        (action,) = self.rng.choices([action for _, action in steps], weights)
        if self.cluster.up or action == self.restart:
            action()

    def some_up(self) -> Node:
        return self.rng.choice(self.cluster.up)

    def deliver_one(self) -> None:
        """In any order, sometimes twice, sometimes never."""
        flying = self.cluster.in_flight
        if not flying:
            return
        position = 0 if self.rng.random() < 0.5 else self.rng.randrange(len(flying))
        _, (dst, message) = flying[position]
        if self.rng.random() < 0.9:
            del flying[position]
        if self.rng.random() < 0.9 and self.cluster[dst].is_up:
            self.cluster.step(dst, message)

    def propose(self) -> None:
        for node in self.cluster.leaders:
            self.proposed += 1
            with suppress(RaftError):
                node.core.propose([self.proposed] * self.rng.choice([1, 3]))

    def toggle_disk(self) -> None:
        node = self.some_up()
        if node.holds_disk:
            node.release_disk()
        else:
            node.holds_disk = True

    def restart(self) -> None:
        down = [node for node in self.cluster.nodes.values() if not node.is_up]
        if down:
            node = self.rng.choice(down)
            node.holds_disk = False
            node.restart()

    def change_links(self) -> None:
        if self.rng.random() < 0.5:
            self.cluster.cut(self.rng.choice(sorted(self.cluster.voters)))
        else:
            self.cluster.heal()

    def transfer(self) -> None:
        for node in self.cluster.leaders:
            peers = sorted(self.cluster.voters - {node.id})
            if peers:
                node.core.transfer_leadership(self.rng.choice(peers), self.cluster.now)

    def read(self) -> None:
        with suppress(RaftError):
            self.some_up().core.read_index("read", self.cluster.now)

    def check(self) -> None:
        for node in self.cluster.up:
            core = node.core
            if core.is_leader:
                assert self.leaders.setdefault(core.term, node.id) == node.id, "two leaders"
            known = core.entries(1, min(core.commit_index, core.last_index))
            for index, entry in enumerate(known, 1):
                assert self.committed.setdefault(index, entry) == entry, "committed, and changed"
            for index, entry in enumerate(node.applied, 1):
                assert self.committed[index] == entry, "applied what is not committed"
            assert len(node.applied) <= len(node.disk.log), "applied before it was durable"
            term, voted_for = node.disk.hard_state
            if voted_for is not None:
                assert self.votes.setdefault((node.id, term), voted_for) == voted_for, "voted twice"

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
            assert node.values[-1] == "end", f"n{node.id} did not catch up"


@pytest.mark.parametrize("block", range(10))
def test_safety_in_every_step_and_liveness_once_it_is_healed(block: int) -> None:
    for seed in range(block * 40, block * 40 + 40):
        run = Run(seed)
        try:
            for _ in range(STEPS):
                run.step()
                run.check()
            run.recover()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def test_the_checks_notice_a_core_that_commits_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness is worth something only if it finds a known mistake when it is put back."""
    from node.raft import replication

    def lowest_copy(values: list[int]) -> int:
        return max(values)

    monkeypatch.setattr(replication, "reached_by_majority", lowest_copy)
    with pytest.raises(AssertionError, match="seed"):
        test_safety_in_every_step_and_liveness_once_it_is_healed(0)
