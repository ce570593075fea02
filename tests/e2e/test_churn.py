"""Everything at once: crashes, pauses, cuts and changes of the members, under load."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest

from node.client.address import ClusterAddress
from node.client.admin import Admin
from node.client.blocking import Client
from node.client.errors import ClientError, OutcomeUnknownError
from node.config import load_cluster, read_token
from node.machines import kv
from tests.measure.commands import Raftctl, fresh_home

pytestmark = pytest.mark.e2e

CHURN_SECONDS = 10
WRITERS = 3
CALL_SECONDS = 20


class Worker(threading.Thread):
    """Does something with the cluster again and again; what it finds wrong is in `wrong`."""

    def __init__(self, address: ClusterAddress, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._address = address
        self.is_over = threading.Event()
        self.wrong: list[str] = []

    def run(self) -> None:
        with Client(self._address, timeout=CALL_SECONDS) as client:
            for number in count(1):
                if self.is_over.is_set():
                    return
                try:
                    self.work(client, number)
                except ClientError as error:
                    self.fail(error, number)

    def work(self, client: Client, number: int) -> None:
        raise NotImplementedError

    def fail(self, error: ClientError, number: int) -> None:
        """A call came to nothing, or nobody knows what it came to."""


class Writer(Worker):
    """The only one that writes to its register, which therefore only rises."""

    acknowledged = 0
    tried = 0

    def work(self, client: Client, number: int) -> None:
        self.tried = number
        client.propose(kv.put(self.name, b"%d" % number))
        self.acknowledged = number


class Counter(Worker):
    """Counts up by compare-and-set: a step that is applied twice fails the second time, and one
    that is lost is missing.
    """

    counted = 0
    unknown = 0

    def work(self, client: Client, number: int) -> None:
        found = value_of(client, "counter", "stale")
        old = None if found == 0 else b"%d" % found
        is_set, _ = kv.decode_result(
            client.propose(kv.cas("counter", old, b"%d" % (found + 1))).result
        )
        self.counted += is_set

    def fail(self, error: ClientError, number: int) -> None:
        self.unknown += isinstance(error, OutcomeUnknownError)


class Reader(Worker):
    """No read, with a lease or without, is older than what was acknowledged before it began."""

    def __init__(self, address: ClusterAddress, writers: list[Writer]) -> None:
        super().__init__(address, "reader")
        self._writers = writers
        self._rng = random.Random(1)
        self.reads = 0

    def work(self, client: Client, number: int) -> None:
        writer = self._rng.choice(self._writers)
        mode = self._rng.choice(("linearizable", "lease"))
        least = writer.acknowledged
        found = value_of(client, writer.name, mode)
        if not least <= found <= writer.tried:
            self.wrong.append(f"{mode}: {writer.name} is {found}, not from {least} on")
        self.reads += 1


def value_of(client: Client, key: str, mode: Any = "linearizable") -> int:
    found = kv.decode_result(client.read(kv.get(key), mode).result)
    return 0 if found is None else int(found[0])


@contextmanager
def at_work(workers: list[Worker]) -> Iterator[None]:
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.is_over.set()
        for worker in workers:
            worker.join(2 * CALL_SECONDS)
    assert not any(worker.is_alive() for worker in workers), "a call never ended"
    assert [worker.wrong for worker in workers] == [[]] * len(workers)


def churn(raftctl: Raftctl, rng: random.Random) -> None:
    """Each may be refused: the node that it is for may be down, or be the last one that is up."""
    ids = [node["id"] for node in raftctl.document("status", check=False)["nodes"]]
    one, other = rng.sample(ids, 2)

    def run(*args: str) -> None:
        raftctl.run(*args, check=False)

    def crash() -> None:
        run("kill", one)
        run("up", "--wait", "none")

    def crash_all() -> None:
        run("kill", "all")
        run("up", "--wait", "none")

    def freeze() -> None:
        run("pause", one)
        run("resume", one)

    acts: list[Callable[[], object]] = [
        crash,
        crash,
        crash_all,
        freeze,
        lambda: run("partition", one, "--for", "700ms"),
        lambda: run("partition", "leader", "--for", "700ms"),
        lambda: run("net", "--link", f"{one}:{other}", "--drop", "20%", "--for", "1s"),
        lambda: run("transfer", "--timeout", "2s"),
        lambda: run("snapshot", "take", "all", "--timeout", "2s"),
        lambda: run("members", "replace", one, "--timeout", "5s"),
    ]
    rng.choice(acts)()


def states(raftctl: Raftctl, address: ClusterAddress) -> set[tuple[Any, ...]]:
    """What the state of each node is, all of it, at one entry. A new leader's first entry may come
    between two nodes: then all are asked again.
    """
    deadline = time.monotonic() + CALL_SECONDS
    while True:
        found = {}
        for node in load_cluster(raftctl.home / "clusters" / "demo").nodes:
            with Admin(address, node.id, CALL_SECONDS) as admin:
                document = admin.take_snapshot()
                found[node.id] = (document["index"], document["bytes"], document["digest"])
        if len({index for index, _, _ in found.values()}) == 1 or time.monotonic() > deadline:
            return set(found.values())


def test_b56_nothing_is_lost_or_applied_twice_and_all_agree_whatever_befell_them() -> None:
    with fresh_home() as raftctl:
        settings = ("--set", "snapshots.entries=200", "--set", "snapshots.tail=20")
        raftctl.run("up", "-n", "3", *settings)
        folder = raftctl.home / "clusters" / "demo"
        address = ClusterAddress.following(folder, load_cluster(folder), read_token(folder))
        writers = [Writer(address, f"w{number}") for number in range(WRITERS)]
        counter, reader = Counter(address, "counter"), Reader(address, writers)
        seed = random.randrange(2**32)
        print(f"seed {seed}")
        rng = random.Random(seed)
        with at_work([*writers, counter, reader]):
            deadline = time.monotonic() + CHURN_SECONDS
            while time.monotonic() < deadline:
                churn(raftctl, rng)
            # The last act may have left a node that only just starts, and cannot be told yet.
            raftctl.run("up", "--wait", "ready")
            raftctl.run("heal")
        raftctl.run("wait", "converged", "--timeout", "20s")
        with Client(address, timeout=CALL_SECONDS) as client:
            for writer in writers:
                assert writer.acknowledged <= value_of(client, writer.name) <= writer.tried
            counted = value_of(client, "counter")
            assert counter.counted <= counted <= counter.counted + counter.unknown
        assert len(states(raftctl, address)) == 1
        assert sum(writer.acknowledged for writer in writers) > 100
        assert reader.reads > 100
        for log in folder.glob("n*/node.log"):
            assert "Traceback" not in log.read_text(), log
