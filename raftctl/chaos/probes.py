"""Whether the cluster can be written to and read from, asked twenty times a second all through.

An open loop: a probe is sent when its time has come, whether or not those before it were
answered. Else a cluster that is silent for two seconds would have missed one probe, and not forty
(coordinated omission). Each probe has a thread that is free again by its next turn, since it waits
no longer.
"""

import math
import threading
import time
from functools import partial
from typing import Literal, NamedTuple

from node.client.address import ClusterAddress
from node.client.blocking import Client
from node.client.errors import ClientError
from node.machines import kv
from raftctl.chaos.threads import Threads
from raftctl.chaos.writing import LineFile

PROBES_PER_S = 20
PROBE_SECONDS = 1.0
"""How long one waits for its answer."""
LANES = math.ceil(PROBES_PER_S * PROBE_SECONDS)
USUAL_NS = 3 * 1_000_000_000 // PROBES_PER_S
"""Between two answers, where all is well."""


Kind = Literal["read", "write"]
KINDS: tuple[Kind, ...] = ("read", "write")


def key_of(what: int | str, mark: str = "") -> str:
    """The key of what is asked for beside the load. `mark`: what a run's keys have in them."""
    return "-".join(filter(None, ("probe", mark, str(what))))


class Probe(NamedTuple):
    """One that was sent, and answered or not. Nanoseconds since the run began."""

    kind: Kind
    sent: int
    ended: int
    ok: bool


class Probes:
    """Of both kinds, from `start` to `stop`."""

    def __init__(
        self, address: ClusterAddress, file: LineFile, began_ns: int, mark: str = ""
    ) -> None:
        """`mark`: what keys have in them."""
        self._mark = mark
        self._address = address
        self._file = file
        self._began_ns = began_ns
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self.sent: list[Probe] = []
        self.threads = Threads()
        for kind in KINDS:
            for lane in range(LANES):
                self.threads.add(f"{kind} probe", partial(self._run, kind, lane))

    def start(self) -> None:
        self._first_at = time.monotonic()
        self.threads.start()

    def stop(self) -> None:
        self._is_over.set()
        self.threads.join()

    def _run(self, kind: Kind, lane: int) -> None:
        turn = lane / PROBES_PER_S + (0.5 / PROBES_PER_S if kind == "write" else 0.0)
        at = self._first_at + turn
        with Client(self._address, timeout=PROBE_SECONDS) as client:
            while not self._is_over.wait(max(at - time.monotonic(), 0)):
                self._send(client, kind, lane)
                at += LANES / PROBES_PER_S
                while at < time.monotonic():  # it was answered too late for its next turn
                    at += LANES / PROBES_PER_S

    def _send(self, client: Client, kind: Kind, lane: int) -> None:
        key = key_of(lane, self._mark)
        sent = time.monotonic_ns() - self._began_ns
        try:
            if kind == "read":
                client.read(kv.get(key))
            else:
                client.propose(kv.put(key, b"%d" % sent))
            ok = True
        except ClientError:
            ok = False
        ended = self._file.write({"probe": kind, "sent": sent, "ok": ok})
        with self._lock:
            self.sent.append(Probe(kind, sent, ended, ok))
