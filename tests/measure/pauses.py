"""For how long a node with many keys answers nobody, while it takes a snapshot or is given one."""

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from node.client.address import ClusterAddress
from node.client.admin import Admin
from node.client.errors import ClientError, UnreachableError
from node.client.pipeline import Load, no_reads
from node.config import first_configuration, load_cluster
from node.machines import kv
from node.replica.sessions import Sessions
from node.replica.state import capture
from node.storage.snapshots import SnapshotFiles
from tests.measure.commands import Raftctl, fresh_home
from tests.measure.longlived import CALL_SECONDS, run_load

LIMIT_MS = 50
"""One heartbeat: who is silent for no longer than that misses nothing."""
ASK_SECONDS = 0.001
"""From an answer to the next question."""
WRITES = 500
"""In each round, while the snapshot is taken: they find their keys in it."""


class Questions(threading.Thread):
    """Asks a node for its status, over and over. A node answers in its event loop, so the longest
    answer is the longest time that something else held it, and what the machine adds to that.
    """

    def __init__(self, address: ClusterAddress, node_id: int) -> None:
        super().__init__(daemon=True)
        self.longest_ms = 0.0
        self._admin = Admin(address, node_id, CALL_SECONDS)
        self._is_over = threading.Event()

    def run(self) -> None:
        with self._admin:
            while not self._is_over.wait(ASK_SECONDS):
                asked = time.monotonic()
                self._admin.status()
                self.longest_ms = max(self.longest_ms, (time.monotonic() - asked) * 1000)

    def stop(self) -> None:
        self._is_over.set()
        self.join()


@contextmanager
def questions(address: ClusterAddress, node_id: int) -> Iterator[Questions]:
    asking = Questions(address, node_id)
    asking.start()
    try:
        yield asking
    finally:
        asking.stop()


def pauses(keys: int, rounds: int) -> int:
    """The longest answer of each round, and their median. 1 when one of these is over the limit."""

    def put(number: int) -> bytes:
        return kv.put(f"key-{number % keys:08}", b"x" * 16)

    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        fill(raftctl, [put(number) for number in range(keys)])
        raftctl.run("snapshot", "auto", "--entries", "0", "--bytes", "8GiB", "--tail", "0")
        leader = int(raftctl.document("status")["leader"][1:])
        late = next(n for n in (1, 2, 3) if n != leader)

        def write() -> None:
            spread = Load(lambda number: put(number * keys // WRITES), no_reads, 1, 1, WRITES, None)
            run_load(raftctl, spread)

        quiet = [while_written(raftctl, leader, write) for _ in range(rounds)]
        taken = [while_taken(raftctl, leader, write) for _ in range(rounds)]
        given = [while_given(raftctl, leader, late, write) for _ in range(rounds)]
    report("nothing but writes", quiet)
    report("the leader takes a snapshot", taken)
    report("a follower is given one", given)
    return 0 if max(statistics.median(taken), statistics.median(given)) <= LIMIT_MS else 1


def fill(raftctl: Raftctl, commands: list[bytes]) -> None:
    """Let the cluster begin with a snapshot: a million puts would take a minute."""
    machine = kv.KvMachine()
    for index, command in enumerate(commands, 1):
        machine.apply(command, index)
    spec = load_cluster(raftctl.home / "clusters" / "demo")
    folder = raftctl.home / "filled"
    SnapshotFiles(folder, spec.cluster_id).write(
        len(commands), 1, first_configuration(spec.nodes), capture(machine, Sessions())
    )
    raftctl.run("snapshot", "restore", str(next(folder.glob("*.snap"))), "-y")
    raftctl.run("up")


def report(what: str, longest: list[float]) -> None:
    each = " ".join(f"{value:.1f}" for value in longest)
    print(f"{what}: {statistics.median(longest):.1f} ms, the limit is {LIMIT_MS}  ({each})")


def while_written(raftctl: Raftctl, node_id: int, write: Callable[[], None]) -> float:
    with questions(raftctl.address("demo"), node_id) as asking:
        write()
    return asking.longest_ms


def while_taken(raftctl: Raftctl, node_id: int, write: Callable[[], None]) -> float:
    """Writes begin before the snapshot, and go on until it is there."""
    address = raftctl.address("demo")
    with questions(address, node_id) as asking, Admin(address, node_id, CALL_SECONDS) as admin:
        taking = threading.Thread(target=admin.take_snapshot)
        taking.start()
        while taking.is_alive():
            write()
        taking.join()
    return asking.longest_ms


def while_given(raftctl: Raftctl, leader: int, late: int, write: Callable[[], None]) -> float:
    """`late` has all the keys, and is given them anew since the others' logs are cut."""
    raftctl.run("kill", f"n{late}")
    write()
    address = raftctl.address("demo")
    for node_id in {1, 2, 3} - {late}:
        with Admin(address, node_id, CALL_SECONDS) as admin:
            index = admin.take_snapshot()["index"]
    raftctl.run("start", f"n{late}")
    with connected(address, late) as admin, questions(address, late) as asking:
        while admin.status()["last_applied"] < index:
            time.sleep(0.1)
        write()  # the old state is dropped meanwhile
    return asking.longest_ms


def connected(address: ClusterAddress, node_id: int) -> Admin:
    """Once the node listens."""
    until = time.monotonic() + CALL_SECONDS
    while True:
        try:
            return Admin(address, node_id, CALL_SECONDS)
        except (ClientError, UnreachableError):
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
