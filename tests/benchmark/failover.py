"""How long writes stop when the leader is killed, or stopped: from the signal to the next put that
is accepted. Whoever puts has a connection before, and knows all nodes; a try at one node that does
not answer takes PATIENCE_MS.
"""

import os
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from node.client.blocking import Client
from node.client.errors import ClientError
from node.machines import kv
from tests.benchmark import targets
from tests.benchmark.etcd import building
from tests.benchmark.etcd.members import Members
from tests.benchmark.measures import BUILD, machine, save
from tests.benchmark.tables import compared, printed
from tests.measure.commands import fresh_home

PATIENCE_MS = 50
TRIES_A_CALL = 4
"""A client of raftctl gives one node at most a quarter of a call's time."""


class Victim(Protocol):
    """A cluster whose leader can be lost and brought back."""

    def lose(self, what: signal.Signals) -> float:
        """Send the leader a signal. Gives when."""

    def put(self) -> None:
        """Until it is accepted."""

    def mend(self) -> None:
        """All nodes run, and know the same leader."""


class RaftctlVictim:
    def __init__(self, work: Path) -> None:
        self._home = fresh_home(work)

    def __enter__(self) -> "RaftctlVictim":
        self._raftctl = self._home.__enter__()
        self._raftctl.run("up", "-n", "3", "--any-port")
        seconds = PATIENCE_MS * TRIES_A_CALL / 1000
        self._client = Client(self._raftctl.address("demo"), timeout=seconds)
        self.put()
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()
        self._home.__exit__(None, None, None)

    def lose(self, what: signal.Signals) -> float:
        status = self._raftctl.document("status")
        (self._pid,) = (n["pid"] for n in status["nodes"] if n["id"] == status["leader"])
        self._lost, self._what = status["leader"], what
        lost_at = time.monotonic()
        os.kill(self._pid, what)
        return lost_at

    def put(self) -> None:
        while True:
            with suppress(ClientError):
                self._client.propose(kv.put("probe", b"x"))
                return

    def mend(self) -> None:
        if self._what == signal.SIGSTOP:
            os.kill(self._pid, signal.SIGCONT)
        else:
            self._raftctl.run("start", self._lost)
        self._raftctl.run("wait", "ready")
        self.put()


class EtcdVictim:
    """The probe is told of the members that stay, so that none of its tries goes to a dead one."""

    def __init__(self, work: Path) -> None:
        self._members = Members(work)

    def __enter__(self) -> "EtcdVictim":
        self._members.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._members.__exit__(None, None, None)

    def lose(self, what: signal.Signals) -> float:
        self._lost, self._what = self._members.leader, what
        endpoints = self._members.endpoints(without=self._lost)
        self._probe = subprocess.Popen(
            [building.built(), "-endpoints", endpoints, "-probe", str(PATIENCE_MS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a line for each try
        )
        self._said("ready")
        self.put()
        lost_at = time.monotonic()
        self._members.signal(self._lost, what)
        return lost_at

    def put(self) -> None:
        assert self._probe.stdin is not None, "it is a pipe"
        self._probe.stdin.write(b"\n")
        self._probe.stdin.flush()
        self._said("accepted")

    def mend(self) -> None:
        self._probe.communicate()
        if self._what == signal.SIGSTOP:
            self._members.signal(self._lost, signal.SIGCONT)
        else:
            self._members.start(self._lost)
        self._members.wait()

    def _said(self, word: str) -> None:
        assert self._probe.stdout is not None, "it is a pipe"
        if self._probe.stdout.readline().strip() != word.encode():
            raise RuntimeError("the probe of etcd has ended")


def failover(rounds: int) -> None:
    """`rounds` of each, in turns."""
    BUILD.mkdir(parents=True, exist_ok=True)
    metrics: dict[str, dict[str, float]] = {}
    every: dict[str, dict[str, list[float]]] = {}
    for what, name in ((signal.SIGKILL, targets.KILL), (signal.SIGSTOP, targets.STOP)):
        found: dict[str, list[float]] = {}
        with _victims() as victims:
            for number in range(rounds):
                for system, victim in victims.items():
                    found.setdefault(system, []).append(_lost_ms(victim, what))
                last = ", ".join(f"{system} {times[-1]:.0f} ms" for system, times in found.items())
                print(f"{what.name} {number + 1} of {rounds}: {last}", flush=True)
        metrics[name] = {system: statistics.median(times) for system, times in found.items()}
        every[what.name] = found
    document = {"machine": machine(), "rounds": rounds, "metrics": metrics, "all": every}
    save("failover", document)
    printed(*compared(metrics))


def _lost_ms(victim: Victim, what: signal.Signals) -> float:
    lost_at = victim.lose(what)
    victim.put()
    lasted = (time.monotonic() - lost_at) * 1000
    victim.mend()
    return lasted


@contextmanager
def _victims() -> Iterator[dict[str, Victim]]:
    with tempfile.TemporaryDirectory(dir=BUILD) as work, RaftctlVictim(Path(work)) as own:
        if why := building.missing():
            print(f"left out: {why}", flush=True)
            yield {targets.OWN: own}
            return
        with EtcdVictim(Path(work)) as etcd:
            yield {targets.OWN: own, "etcd": etcd}
