"""A load on real nodes whose leader is killed in the middle: counted as it was, and it goes on."""

import os
import signal

import cbor2
import pytest

from node.client.blocking import Client
from node.client.pipeline import Load, Pipeline, Tally, no_reads
from tests.measure.commands import Raftctl

pytestmark = pytest.mark.e2e

INFLIGHT = 32


def counts(tally: Tally) -> tuple[int, int, int]:
    return len(tally.latencies), tally.errors, tally.unknown


def command(number: int) -> bytes:
    return b"%d" % number


def test_leader_killed_in_the_middle_leaves_unknown_outcomes_and_the_load_goes_on(
    raftctl: Raftctl,
) -> None:
    ops = 2000
    raftctl.run("up", "-n", "3", "--machine", "tests.measure.machines:AppendLog")
    raftctl.run("wait", "ready")
    status = raftctl.document("status")
    (pid,) = (node["pid"] for node in status["nodes"] if node["id"] == status["leader"])
    running = Pipeline(
        raftctl.address("demo"),
        Load(command, no_reads, INFLIGHT, 2, ops, None, rate=1500),
        timeout=20,
    )
    before: tuple[int, int, int] | None = None
    for tally in running.run():
        if before is None and len(tally.latencies) > 200:
            before = counts(tally)
            os.kill(pid, signal.SIGKILL)
    assert before is not None
    done, errors, unknown = counts(running.tally)
    assert before[1:] == (0, 0)
    assert done + errors + unknown == ops, "each is counted once"
    assert done > before[0] + INFLIGHT, "it went on with the next leader"
    assert 0 < unknown <= INFLIGHT
    assert raftctl.document("status")["leader"] not in (None, status["leader"])
    with Client(raftctl.address("demo"), timeout=20) as client:
        applied = cbor2.loads(client.read(b"").result)
    assert len(applied) == len(set(applied))
    assert done <= len(applied) <= done + unknown
