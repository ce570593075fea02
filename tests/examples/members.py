"""Members of the key-value store: real processes, real sockets, real files."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from raftctl.cluster.ports import any_ports

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 20
POLL_SECONDS = 0.02
REDIRECTS_MAX = 5


T = TypeVar("T")


class Reply(NamedTuple):
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def document(self) -> Any:
        return json.loads(self.body)


def until(ask: Callable[[], T | None], what: str) -> T:
    """What `ask` gives, as soon as it is true."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (found := ask()):
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(POLL_SECONDS)
    return found


def request(
    port: int, method: str, path: str, body: bytes | None = None, follow: bool = True
) -> Reply:
    """Raises OSError or HTTPException when the member is not there, or goes away."""
    url = f"http://127.0.0.1:{port}{path}"
    for _ in range(REDIRECTS_MAX):
        parts = urlsplit(url)
        connection = HTTPConnection(parts.netloc, timeout=DEADLINE_SECONDS)
        try:
            connection.request(method, parts.path, body)
            response = connection.getresponse()
            reply = Reply(response.status, response.read(), dict(response.headers))
        finally:
            connection.close()
        if not follow or reply.status != 307:
            return reply
        url = reply.headers["Location"]
    raise AssertionError(f"more than {REDIRECTS_MAX} redirects")


class Members:
    """Each member's output goes to `<folder>/<id>.out`, its data to `<folder>/<id>/`."""

    def __init__(self, folder: Path, size: int, answer_within: float) -> None:
        self.folder = folder
        ports = any_ports(2 * size)
        self.clients, self.peers = ports[:size], ports[size:]
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.options = ["--dir", str(folder), "--answer-within", str(answer_within)]
        self.options += ["--clients", ",".join(map(str, self.clients))]
        self.options += ["--peers", ",".join(map(str, self.peers))]

    def command(self, member: int) -> list[str]:
        return [sys.executable, "-m", "examples.kv_store", "--id", str(member), *self.options]

    def start(self, *members: int) -> None:
        for member in members:
            with (self.folder / f"{member}.out").open("ab") as out:
                self.processes[member] = subprocess.Popen(
                    self.command(member), cwd=ROOT, stdout=out, stderr=subprocess.STDOUT
                )

    def run(self, member: int) -> subprocess.CompletedProcess[str]:
        """A member that is expected to end by itself."""
        return subprocess.run(
            self.command(member), cwd=ROOT, capture_output=True, text=True, timeout=20
        )

    def kill(self, *members: int) -> None:
        for member in members:
            self.processes[member].kill()
        for member in members:
            self.processes.pop(member).wait(10)

    def pause(self, *members: int) -> None:
        for member in members:
            self.processes[member].send_signal(signal.SIGSTOP)

    def resume(self, *members: int) -> None:
        for member in members:
            self.processes[member].send_signal(signal.SIGCONT)

    def ask(
        self, member: int, method: str, path: str, body: bytes | None = None, follow: bool = True
    ) -> Reply:
        return request(self.clients[member], method, path, body, follow)

    def settled(self, member: int, method: str, path: str, body: bytes | None = None) -> Reply:
        """The first answer that is none of a cluster without a leader. What is asked may happen
        twice.
        """

        def answer() -> Reply | None:
            try:
                reply = self.ask(member, method, path, body)
            except (OSError, HTTPException):
                return None
            return reply if reply.status < 500 else None

        return until(answer, f"{method} {path} is answered by member {member}")

    def put(self, key: str, value: bytes, member: int | None = None) -> None:
        through = min(self.processes) if member is None else member
        reply = self.settled(through, "PUT", f"/keys/{key}", value)
        assert reply.status == 200, reply

    def get(self, key: str, member: int) -> bytes | None:
        reply = self.settled(member, "GET", f"/keys/{key}")
        return None if reply.status == 404 else reply.body

    def leader(self, members: Iterable[int] | None = None) -> int:
        """The member that all of `members`, or all running ones, take for the leader."""
        asked = list(self.processes if members is None else members)

        def agreed() -> list[int]:
            try:
                replies = [self.ask(member, "GET", "/") for member in asked]
            except (OSError, HTTPException):
                return []
            found = {reply.document["leader"] for reply in replies}
            return list(found) if len(found) == 1 and None not in found else []

        return until(agreed, "the members agree on a leader")[0]

    def output(self, member: int) -> str:
        return (self.folder / f"{member}.out").read_text(encoding="utf-8")


@contextmanager
def running(folder: Path, size: int = 3, answer_within: float = 5) -> Iterator[Members]:
    members = Members(folder, size, answer_within)
    try:
        members.start(*range(size))
        yield members
    finally:
        members.kill(*members.processes)
