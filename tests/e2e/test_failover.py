"""A leader that dies, or stands still: how soon the next write is accepted."""

import os
import signal
import time

import pytest

from node.client.blocking import Client
from node.machines import kv
from tests.measure.commands import Raftctl

pytestmark = pytest.mark.e2e

ELECTION_TIMEOUT_SECONDS = 1.0
CALL_SECONDS = 60.0


def leader_of(raftctl: Raftctl) -> tuple[str, int]:
    """Its name and its process."""
    status = raftctl.document("status")
    (pid,) = (node["pid"] for node in status["nodes"] if node["id"] == status["leader"])
    return status["leader"], pid


def put_after(raftctl: Raftctl, pid: int, how: signal.Signals) -> float:
    """Seconds from the signal to the next accepted write of a client that was just served."""
    with Client(raftctl.address("demo"), timeout=CALL_SECONDS) as client:
        client.propose(kv.put("before", b"x"))
        struck = time.monotonic()
        os.kill(pid, how)
        client.propose(kv.put("after", b"x"))
        return time.monotonic() - struck


def test_write_after_the_death_of_the_leader_waits_for_no_election_timeout(
    raftctl: Raftctl,
) -> None:
    timeout_ms = round(ELECTION_TIMEOUT_SECONDS * 1000)
    raftctl.run("up", "-n", "3", "--set", f"raft.election_timeout_ms={timeout_ms}")
    raftctl.run("wait", "ready")
    dead, pid = leader_of(raftctl)
    took = put_after(raftctl, pid, signal.SIGKILL)
    assert took < 0.8 * ELECTION_TIMEOUT_SECONDS, (
        "its silence alone shows no sooner than after 0.95"
    )
    raftctl.run("start", dead)
    raftctl.run("wait", "ready")


def test_client_of_a_leader_that_stands_still_goes_on_with_the_next_one(raftctl: Raftctl) -> None:
    """Long before it gives up on the old one, whose connection stands."""
    still, pid = leader_of(raftctl)
    took = put_after(raftctl, pid, signal.SIGSTOP)
    raftctl.run("resume", still)
    assert took < CALL_SECONDS / 4, "so long a node may take to answer"
