"""Leadership that is handed over, and over."""

from types import SimpleNamespace
from typing import Any

import pytest

from node.raft.roles import Leader, Transfer
from node.verify.invariants.transfers_end import TransfersEnd
from tests.verify.members import Cluster, caught

CONFIG = SimpleNamespace(heartbeat_us=50, election_timeout_us=150)


def leading(heartbeat_at: int, transfer: Transfer | None) -> Cluster:
    """Node 1 sent its last heartbeat at `heartbeat_at`."""
    cluster = Cluster(TransfersEnd)
    cluster.leads(1, 1)
    core: Any = cluster.nodes[1].core
    core.config = CONFIG
    core.transferring_to = None if transfer is None else transfer.target_id
    core.role = Leader(0, heartbeat_at + CONFIG.heartbeat_us, 0, 1, {}, transfer=transfer)
    return cluster


@pytest.mark.parametrize("transfer", [None, Transfer(2, 1000)])
def test_a_transfer_that_may_go_on(transfer: Transfer | None) -> None:
    leading(1100, transfer).turns(1)


def test_a_transfer_without_end() -> None:
    with caught("transfers_end", "n1: hands over to n2 and has not given up 151 us after"):
        leading(1151, Transfer(2, 1000)).turns(1)
