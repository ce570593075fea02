"""Whether acknowledged writes survive the death of every node at once, and retries apply once.

The writers do not give up when their cluster dies: each goes on with the command that it has in
flight, under the same sequence number, until the restarted cluster acknowledges it. In every other
round the followers stand still before the kill, so that the commands in flight are in the leader's
log and come back with it: without deduplication they would be applied twice.
"""

import os
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from queue import Queue

import cbor2
import psutil

from node.client.admin import Admin
from node.client.blocking import Client
from node.client.errors import ClientError
from tests.measure.commands import Raftctl, fresh_home

WRITERS = 8
ACKNOWLEDGED_BEFORE_KILL = 500
CALL_SECONDS = 30
LOG_PAGE = 5000


@dataclass(frozen=True)
class Write:
    """An acknowledged command, when its call began, and the term of the entry that answered it."""

    command: bytes
    began: float
    term: int


@dataclass
class Tally:
    """What came of the rounds so far."""

    acknowledged: set[bytes] = field(default_factory=set)
    applied: Counter[bytes] = field(default_factory=Counter)
    sent_again: int = 0
    repeated_in_log: int = 0

    @property
    def lost(self) -> set[bytes]:
        return self.acknowledged - self.applied.keys()

    @property
    def applied_twice(self) -> set[bytes]:
        return {command for command, times in self.applied.items() if times > 1}


def complaint(tally: Tally) -> str | None:
    """What is wrong with the cluster, or with the measure itself; None when all is well."""
    if tally.lost:
        return f"{len(tally.lost)} acknowledged writes were lost, such as {min(tally.lost)!r}"
    if tally.applied_twice:
        twice = tally.applied_twice
        return f"{len(twice)} writes were applied twice, such as {min(twice)!r}"
    if not tally.sent_again:
        return "no command was sent again after a restart: that shows nothing of deduplication"
    if not tally.repeated_in_log:
        return "no command is in the log twice: that shows nothing of deduplication"
    return None


class Writer(threading.Thread):
    """Writes one id after the other, and the last one until it is acknowledged."""

    def __init__(self, raftctl: Raftctl, name: str, done: Queue[Write]) -> None:
        super().__init__(name=name, daemon=True)
        self._client = Client(raftctl.address("demo"), timeout=CALL_SECONDS)
        self._done = done
        self._is_over = threading.Event()
        self.error: ClientError | None = None

    def run(self) -> None:
        with self._client as client:
            for number in count():
                command = f"{self.name}-{number}".encode()
                began = time.monotonic()
                try:
                    applied = client.propose(command)
                except ClientError as error:
                    self.error = error
                    return
                self._done.put(Write(command, began, applied.term))
                if self._is_over.is_set():
                    return

    def stop(self) -> None:
        """No more after the present command."""
        self._is_over.set()


def durability(rounds: int) -> int:
    """kill -9 of all nodes at once, `rounds` times. 1 when a write was lost or applied twice, or
    when no write was sent again, so that nothing was shown.
    """
    tally = Tally()
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3", "--machine", "tests.measure.machines:AppendLog")
        for number in range(rounds):
            _run_round(raftctl, f"round{number}", number % 2 == 0, tally)
            print(
                f"round {number + 1:2}: {len(tally.acknowledged)} acknowledged, "
                f"{tally.sent_again} of them sent again after a kill, "
                f"{tally.repeated_in_log} in the log twice; "
                f"{len(tally.lost)} lost, {len(tally.applied_twice)} applied twice"
            )
            if tally.lost or tally.applied_twice:
                break
    problem = complaint(tally)
    if problem is not None:
        print(f"failed: {problem}")
    return 0 if problem is None else 1


def _run_round(raftctl: Raftctl, name: str, hold_followers: bool, tally: Tally) -> None:
    status = raftctl.document("status")
    pids = {node["id"]: node["pid"] for node in status["nodes"]}
    leader = status["leader"]
    done: Queue[Write] = Queue()
    writers = [Writer(raftctl, f"{name}-{number}", done) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    before = [done.get(timeout=CALL_SECONDS) for _ in range(ACKNOWLEDGED_BEFORE_KILL)]
    if hold_followers:
        _hold_followers(raftctl, leader, pids)
    killed_at = time.monotonic()
    _kill_all(list(pids.values()))
    for writer in writers:
        writer.stop()
    if hold_followers:  # of these two the old leader wins: the other one has less in its log
        raftctl.run("start", leader, next(node for node in pids if node != leader))
        raftctl.run("wait", "leader")
    raftctl.run("start", "all")
    for writer in writers:
        writer.join()
    if errors := [writer.error for writer in writers if writer.error is not None]:
        raise errors[0]
    after = [done.get() for _ in range(done.qsize())]
    # An answer in a later term comes from the restarted cluster: the first attempt had none.
    term = max(write.term for write in before)
    tally.sent_again += sum(write.began < killed_at and write.term > term for write in after)
    tally.acknowledged |= {write.command for write in before + after}
    with Client(raftctl.address("demo"), timeout=CALL_SECONDS) as client:
        tally.applied = Counter(cbor2.loads(client.read(b"").result))
        assert client.answered_by is not None, "it has just answered"
        tally.repeated_in_log = _repeated_in_log(raftctl, client.answered_by)


def _hold_followers(raftctl: Raftctl, leader: str, pids: dict[str, int]) -> None:
    """Stop the followers, and wait until the log of the leader holds what no majority has."""
    with Admin(raftctl.address("demo"), int(leader[1:]), timeout=CALL_SECONDS) as admin:
        for node, pid in pids.items():
            if node != leader:
                os.kill(pid, signal.SIGSTOP)
        while (status := admin.status())["role"] == "leader":
            if status["last_index"] - status["commit_index"] >= WRITERS:
                break


def _kill_all(pids: list[int]) -> None:
    nodes = [psutil.Process(pid) for pid in pids]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(nodes, timeout=CALL_SECONDS)
    assert not alive, f"these survived SIGKILL: {alive}"


def _repeated_in_log(raftctl: Raftctl, leader: int) -> int:
    """How many commands stand in the log more than once."""
    found: Counter[tuple[str, int]] = Counter()
    with Admin(raftctl.address("demo"), leader, timeout=CALL_SECONDS) as admin:
        first = 1
        while entries := admin.read_log(first, 0, LOG_PAGE)["entries"]:
            found.update((e["client"], e["sequence"]) for e in entries if e["kind"] == "command")
            first = entries[-1]["index"] + 1
    return sum(times > 1 for times in found.values())
