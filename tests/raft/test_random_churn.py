"""Random runs in which members come and go and snapshots travel, and the proof that they bite: each
planted mistake is one that somebody made, and has to be found.
"""

from collections.abc import Mapping

import pytest

from node.raft import installing, membership
from node.raft.configuration import Configuration
from node.raft.core import RaftCore
from node.raft.log import EntryId, RaftLog
from node.raft.messages import InstallSnapshot
from node.raft.quorum import majority, reached_by_majority
from node.raft.roles import Leader
from node.raft.snapshot import Receipt, ReceivedChunk, Snapshot, SnapshotId
from tests.raft.churn import ChurnRun
from tests.raft.runs import run_seeds

BLOCKS = 8
SEEDS_PER_BLOCK = 8
SEEDS_PER_PLANT = 60


@pytest.mark.parametrize("block", range(BLOCKS))
def test_b56_churn_of_members_and_snapshots_is_safe_and_ends_well(block: int) -> None:
    run_seeds(range(block * SEEDS_PER_BLOCK, (block + 1) * SEEDS_PER_BLOCK), ChurnRun)


def of_new_voters_alone(configuration: Configuration, values: Mapping[int, int]) -> int:
    return reached_by_majority([values.get(voter, 0) for voter in configuration.voters])


def with_the_leader_that_left(configuration: Configuration, values: Mapping[int, int]) -> int:
    stranger = values.keys() - configuration.members
    return min(
        sorted((values.get(voter, 0) for voter in half | stranger), reverse=True)[
            majority(len(half)) - 1
        ]
        for half in configuration._halves
    )


def with_learners(configuration: Configuration, values: Mapping[int, int]) -> int:
    return min(
        sorted((values.get(voter, 0) for voter in half | configuration.learners), reverse=True)[
            majority(len(half)) - 1
        ]
        for half in configuration._halves
    )


def keep_what_was_dropped(log: RaftLog, from_index: int) -> None:
    pass


reset = RaftLog.reset
handle_chunk = installing.handle_chunk


def reset_without_the_members(log: RaftLog, base: EntryId, configuration: Configuration) -> None:
    reset(log, base, log.configured.configuration)


def install_always(core: RaftCore, snapshot: Snapshot) -> bool:
    core.receipt = None
    core.log.reset(snapshot.id.last_entry, snapshot.configuration)
    core.snapshot = core._unsaved_snapshot = snapshot
    core.commit_index = core._handed_out_index = snapshot.index
    return True


def take_always(core: RaftCore, message: InstallSnapshot) -> None:
    """Whatever this node holds already."""
    which = SnapshotId(message.snapshot_index, message.snapshot_term, message.size, message.digest)
    if message.data and message.offset == 0:
        core.receipt = Receipt(which, len(message.data))
        core.receive_chunk(ReceivedChunk(which, 0, message.data, core.receipt.is_complete))
    else:
        handle_chunk(core, message)


def pending_is_nothing(core: RaftCore, leader: Leader) -> None:
    pass


PLANTED: list[tuple[object, str, object, int]] = [
    (Configuration, "reached", of_new_voters_alone, 5),
    (Configuration, "reached", with_the_leader_that_left, 27),
    (Configuration, "reached", with_learners, 1),
    (RaftLog, "_forget_configurations", keep_what_was_dropped, 13),
    (RaftLog, "reset", reset_without_the_members, 8),
    (installing, "install", install_always, 8),
    (membership, "_check_nothing_pending", pending_is_nothing, 2),
    (RaftCore, "may_campaign", RaftCore.is_voter, 1),
]
"""What is replaced, and a seed that finds it soon; any will do, but takes longer."""


@pytest.mark.parametrize(
    ("owner", "name", "mistake", "seed"),
    PLANTED,
    ids=[getattr(mistake, "__name__", name) for _, name, mistake, _ in PLANTED],
)
def test_the_checks_notice_a_planted_mistake(
    owner: object, name: str, mistake: object, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, mistake)
    if mistake is install_always:
        monkeypatch.setattr(installing, "handle_chunk", take_always)
    with pytest.raises(AssertionError, match="seed"):
        run_seeds(range(seed, seed + SEEDS_PER_PLANT), ChurnRun)
