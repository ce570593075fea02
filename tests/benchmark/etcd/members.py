"""Three etcd members on loopback, each a process with a folder; defaults, but for their ports."""

import json
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from raftctl.cluster.ports import any_ports
from tests.benchmark.measures import NODES

START_SECONDS = 30


class Members:
    """Use it in a `with` block: behind it none of them runs."""

    def __init__(self, work: Path) -> None:
        self._work = work
        ports = any_ports(2 * NODES)
        self._clients, self._peers = ports[:NODES], ports[NODES:]
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Members":
        for number in range(NODES):
            self.start(number)
        try:
            self.wait()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._kill()

    def endpoints(self, without: int | None = None) -> str:
        """Of all members, or of those that stay when one goes."""
        ports = (port for number, port in enumerate(self._clients) if number != without)
        return ",".join(f"127.0.0.1:{port}" for port in ports)

    def start(self, number: int) -> None:
        peers = [f"http://127.0.0.1:{port}" for port in self._peers]
        client = f"http://127.0.0.1:{self._clients[number]}"
        self.processes[number] = subprocess.Popen(
            [
                *("etcd", "--name", f"n{number}", "--data-dir", str(self._work / f"n{number}")),
                *("--listen-peer-urls", peers[number]),
                *("--initial-advertise-peer-urls", peers[number]),
                *("--listen-client-urls", client, "--advertise-client-urls", client),
                *("--initial-cluster", ",".join(f"n{n}={url}" for n, url in enumerate(peers))),
                *("--log-level", "error"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait(self) -> None:
        """Until all answer, and know the same leader."""
        until = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if time.monotonic() > until:
                raise RuntimeError("the etcd members did not find a leader")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        found = [self._status(number) for number in range(NODES)]
        leaders = {None if each is None else each.get("leader") for each in found}
        return len(leaders) == 1 and None not in leaders

    @property
    def leader(self) -> int:
        """Which of them leads."""
        while True:
            for number in range(NODES):
                found = self._status(number)
                if found and found["header"]["member_id"] == found.get("leader"):
                    return number
            time.sleep(0.05)

    def signal(self, number: int, what: signal.Signals) -> None:
        self.processes[number].send_signal(what)
        if what == signal.SIGKILL:
            self.processes[number].wait()

    def _status(self, number: int) -> dict[str, Any] | None:
        url = f"http://127.0.0.1:{self._clients[number]}/v3/maintenance/status"
        request = urllib.request.Request(url, b"{}")
        try:
            with urllib.request.urlopen(request, timeout=1) as answer:
                found: dict[str, Any] = json.load(answer)
        except (OSError, ValueError):
            return None
        return found

    def _kill(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()
