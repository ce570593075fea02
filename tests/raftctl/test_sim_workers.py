"""The processes that share the seeds of sim run: they end when nobody wants their results."""

import gc
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.sim.world import World
from raftctl.exit_codes import Exit
from raftctl.simulating.seeds import result_of
from tests.measure.commands import RAFTCTL, Raftctl

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

SECONDS_MAX = 5


class Work:
    """sim run at work, far from its end; `gone` says of which processes one can hear the end."""

    def __init__(self, raftctl: Raftctl) -> None:
        self.process = subprocess.Popen(
            [str(RAFTCTL), "sim", "run", "--seeds", "1..100000", "--jobs", "2"],
            env=raftctl.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stderr is not None
        while " of 100000, " not in self.process.stderr.readline():
            assert self.process.poll() is None
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        self.workers = [int(each) for each in children.split()]
        self._ends = [os.pidfd_open(worker) for worker in self.workers]

    def end(self) -> tuple[int, str]:
        """Its exit code and what it said, once it is over and all of its workers are gone."""
        _, stderr = self.process.communicate(timeout=SECONDS_MAX)
        for end in self._ends:
            assert select.select([end], [], [], SECONDS_MAX)[0] == [end]
        return self.process.returncode, stderr

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()
        for end in self._ends:
            os.close(end)


@pytest.fixture
def work(raftctl: Raftctl) -> Iterator[Work]:
    found = Work(raftctl)
    yield found
    found.close()


@pytest.mark.parametrize("whom", ["all", "parent"])
def test_ctrl_c_ends_it_at_once(work: Work, whom: str) -> None:
    assert len(work.workers) == 2
    if whom == "all":  # as a terminal does it
        os.killpg(work.process.pid, signal.SIGINT)
    else:
        os.kill(work.process.pid, signal.SIGINT)
    code, stderr = work.end()
    assert (code, stderr.endswith("interrupted\n")) == (Exit.INTERRUPTED, True)


def test_no_worker_outlives_its_parent(work: Work) -> None:
    os.kill(work.process.pid, signal.SIGKILL)
    code, _ = work.end()
    assert code == -signal.SIGKILL


def test_worker_that_was_killed_is_a_clear_error(work: Work) -> None:
    os.kill(work.workers[0], signal.SIGKILL)
    code, stderr = work.end()
    assert (code, "error[E_WORKER_LOST]" in stderr) == (Exit.UNEXPECTED, True)
    assert "Traceback" not in stderr


def test_nothing_of_a_run_that_is_over_stays_in_memory() -> None:
    def worlds() -> int:
        return sum(type(each) is World for each in gc.get_objects())

    gc.collect()
    before = worlds()
    gc.disable()
    try:
        result_of(1)
        assert worlds() == before
    finally:
        gc.enable()
