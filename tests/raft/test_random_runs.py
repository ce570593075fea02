"""Random schedules of everything that can go wrong; `runs` says what must hold in each of them."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from node.raft import gate, leases, reading, replication
from node.raft.configuration import Configuration
from node.raft.core import RaftCore
from node.raft.messages import AppendEntries, Message
from node.raft.reads import LocalRead, RemoteRead
from node.raft.roles import Leader
from tests.raft.cluster import HEARTBEAT_US, TIMEOUT_US, Cluster
from tests.raft.runs import Run, run_seeds

BLOCKS = 10
SEEDS_PER_BLOCK = 40


@pytest.mark.parametrize("block", range(BLOCKS))
def test_safety_in_every_step_and_liveness_once_it_is_healed(block: int) -> None:
    run_seeds(range(block * SEEDS_PER_BLOCK, (block + 1) * SEEDS_PER_BLOCK))


class SparingRun(Run):
    """Leaders ask a majority alone, for moments, or for longer than followers are patient."""

    def build(self, seed: int) -> Cluster:
        return Cluster(
            self.rng.choice([3, 3, 5]),
            seed,
            spare_us=self.rng.choice([1, HEARTBEAT_US // 2, 3 * TIMEOUT_US]),
            check_quorum=self.rng.random() < 0.7,
            inflight_max=self.rng.choice([1, 64]),
            append_entries_max=self.rng.choice([1, 64]),
        )


@pytest.mark.parametrize("block", range(3))
def test_safety_and_liveness_where_a_leader_spares_followers(block: int) -> None:
    run_seeds(range(block * SEEDS_PER_BLOCK, (block + 1) * SEEDS_PER_BLOCK), SparingRun)


def test_the_checks_notice_a_core_that_commits_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness is worth something only if it finds a known mistake when it is put back."""

    def one_copy(configuration: Configuration, values: Mapping[int, int]) -> int:
        return max(values.values())

    monkeypatch.setattr(Configuration, "reached", one_copy)
    with pytest.raises(AssertionError, match="seed"):
        run_seeds(range(SEEDS_PER_BLOCK))


def test_the_checks_notice_a_core_that_answers_old_appends_as_if_they_were_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer_stale(core: RaftCore, message: Message, now: int) -> None:
        if isinstance(message, AppendEntries) and core.voting:
            replication._reject_append(core, message)

    monkeypatch.setattr(gate, "_answer_stale", answer_stale)
    with pytest.raises(AssertionError, match="seed"):
        run_seeds(range(BLOCKS * SEEDS_PER_BLOCK))


def test_the_checks_notice_a_lease_that_lasts_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    def three_timeouts(core: RaftCore, now: int) -> int | None:
        shown = replace(core.config, lease_percent=99, election_timeout_us=3 * TIMEOUT_US)
        own, core.config = core.config, shown
        index = leases.lease_index(core, now)
        core.config = own
        return index

    monkeypatch.setattr(RaftCore, "lease_index", three_timeouts)
    with pytest.raises(AssertionError, match="a lease over a stale index"):
        run_seeds(range(420, 440))


def test_the_checks_notice_a_leader_that_reads_without_asking(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read_at_once(core: RaftCore, leader: Leader, origin: LocalRead | RemoteRead) -> None:
        reading._answer(core, origin, core.commit_index)

    monkeypatch.setattr(reading, "_register", read_at_once)
    with pytest.raises(AssertionError, match="a stale read"):
        run_seeds(range(BLOCKS * SEEDS_PER_BLOCK))
