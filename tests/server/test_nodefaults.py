"""Faults of a node's disk and clock: inside the node, with the storage that it has."""

import random
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
import trio

from node.machines import kv
from node.machines.kv import KvMachine
from node.nodefaults import DELAY_US_MAX, NodeRule
from node.raft.messages import LogEntry
from node.raft.ready import HardState
from node.replica.sessions import Sessions
from node.replica.state import capture
from node.server.nodefaults import NodeFaults
from node.server.savedfaults import load_faults
from node.storage.base import DiskFullError, StorageError, Stored
from node.storage.ondisk import DATABASE, DiskStorage
from node.storage.snapshots import SnapshotFiles
from node.storage.sqlite import SqliteStorage
from node.wire.messages import (
    Applied,
    Disturb,
    Document,
    Failure,
    GetStatus,
    Happened,
    Propose,
    SetFaults,
)
from tests.server.stage import Stage, stage
from tests.storage.batches import FIRST, batch

FULL = NodeRule(1, 1, "full")
FAIL = NodeRule(1, 1, "fail")


def faults(seed: int = 1) -> NodeFaults:
    return NodeFaults(random.Random(seed))


# -- the disk --------------------------------------------------------------------------------------
Make = Callable[[Path, NodeFaults], SqliteStorage | DiskStorage]


def _database(folder: Path, made: NodeFaults) -> SqliteStorage:
    return SqliteStorage(folder / DATABASE, "demo", 1, made.flush)


def _with_redo_log(folder: Path, made: NodeFaults) -> DiskStorage:
    return DiskStorage(folder, "demo", 1, made.flush)


@pytest.fixture(params=[_database, _with_redo_log], ids=["database", "redo log"])
def make(request: pytest.FixtureRequest) -> Make:
    """Opens what stores in a folder, after it made that where there is none."""

    def made_in(folder: Path, made: NodeFaults) -> SqliteStorage | DiskStorage:
        if not folder.exists():
            folder.mkdir()
            SqliteStorage.create(folder / DATABASE, "demo", 1, FIRST)
        opened: SqliteStorage | DiskStorage = request.param(folder, made)
        return opened

    return made_in


def test_full_disk_takes_nothing_and_the_same_batch_once_it_has_room(
    tmp_path: Path, make: Make
) -> None:
    made = faults()
    with closing(make(tmp_path / "n1", made)) as storage:
        before = storage.load()
        made.replace([FULL])
        one = batch(HardState(1, 1), None, 1, [LogEntry(1, b"x")])
        for _ in range(2):
            with pytest.raises(DiskFullError, match="no space is left"):
                storage.save(one)
        assert made.document()[0]["hits"] == 2
        assert storage.load() == before
        made.replace([])
        storage.save(one)
    with closing(make(tmp_path / "n1", faults())) as storage:
        assert storage.load() == Stored(HardState(1, 1), one.entries, FIRST)


def test_failed_flush_is_final_and_may_have_written_all_the_same(
    tmp_path: Path, make: Make
) -> None:
    kept = set()
    for seed in range(6):
        folder, made = tmp_path / f"{seed}", faults(seed)
        with closing(make(folder, made)) as storage:
            made.replace([FAIL])
            one = batch(HardState(1, 1), None, 1, [LogEntry(1, b"x")])
            with pytest.raises(StorageError, match="Input/output error") as caught:
                storage.save(one)
            assert not isinstance(caught.value, DiskFullError)
            made.replace([])
            with pytest.raises(StorageError) as again:
                storage.save(one)
            assert again.value is caught.value
        with closing(make(folder, faults())) as storage:
            kept.add(len(storage.load().log))
    assert kept == {0, 1}


@pytest.mark.parametrize(
    ("rule", "error"), [(FULL, DiskFullError), (FAIL, StorageError)], ids=["full", "fail"]
)
def test_snapshots_lie_on_the_same_disk(
    tmp_path: Path, rule: NodeRule, error: type[StorageError]
) -> None:
    made = faults()
    store = SnapshotFiles(tmp_path / "snapshots", "demo", made.touch)
    made.replace([rule])
    with pytest.raises(error):
        store.write(1, 1, FIRST, capture(KvMachine(), Sessions()))
    assert list((tmp_path / "snapshots").iterdir()) == []
    made.replace([])
    store.write(1, 1, FIRST, capture(KvMachine(), Sessions()))


def test_slow_disk_delays_every_flush_and_a_stall_one(tmp_path: Path) -> None:
    made = faults()
    made.replace([NodeRule(1, 1, "slow", delay_us=2_000)])
    made.stall(10_000)
    began = time.monotonic()
    assert made.delay() == 10_000
    assert time.monotonic() - began >= 0.012
    began = time.monotonic()
    assert made.delay() == 0
    assert time.monotonic() - began >= 0.002
    assert made.document()[0]["hits"] == 2
    made.replace([])
    assert made.delay() == 0


def test_flush_that_is_held_up_goes_on_when_the_fault_is_healed() -> None:
    made = faults()
    made.replace([NodeRule(1, 1, "slow", delay_us=DELAY_US_MAX)])
    flush = threading.Thread(target=made.delay)
    flush.start()
    while made.document()[0]["hits"] == 0:
        assert flush.is_alive()
    made.replace([])
    flush.join(20)
    assert not flush.is_alive()


# -- the clock -------------------------------------------------------------------------------------
def test_clock_is_right_again_when_its_fault_is_over() -> None:
    made = faults()
    made.replace([NodeRule(1, 1, "rate", rate=4.0, expires_at=time.time() - 1)])
    assert made.clock.rate == 1.0
    made.replace([NodeRule(1, 1, "rate", rate=4.0), NodeRule(2, 1, "rate", rate=0.5)])
    assert made.clock.rate == 0.5
    assert [rule["hits"] for rule in made.document()] == [0, 1]
    made.replace([NodeRule(1, 1, "rate", rate=4.0)])
    assert made.clock.rate == 4.0
    made.replace([])
    assert made.clock.rate == 1.0


# -- in a node -------------------------------------------------------------------------------------
def on_stage(scenario: Callable[[Stage], Awaitable[None]]) -> None:
    async def main() -> None:
        async with stage() as at:
            await scenario(at)

    trio.run(main)


def told(at: Stage) -> list[Happened]:
    events: list[Happened] = []
    publish = at.node.hub.publish

    def record(kind: str, term: int, level: str = "info", **data: object) -> None:
        publish(kind, term, level, **data)  # type: ignore[arg-type]
        assert at.node.hub.last is not None
        events.append(at.node.hub.last)

    at.node.hub.publish = record  # type: ignore[method-assign]
    return events


def test_node_keeps_the_rules_about_itself_and_tells_of_them() -> None:
    async def scenario(at: Stage) -> None:
        events = told(at)
        mine = NodeRule(3, 1, "slow", "tired", 20_000)
        other = NodeRule(4, 2, "full")
        at.node.set_faults([], [mine.to_map(), other.to_map()])
        (shown,) = at.node.status.document()["node_faults"]
        assert shown == {**mine.to_map(), "hits": shown["hits"]}  # a flush may have met it already
        at.node.set_faults([], [mine.to_map()])
        at.node.set_faults([])
        assert [(each.kind, each.data) for each in events] == [
            ("fault", {"fault": "#3", "what": "disk slow 20ms"}),
            ("heal", {"fault": "#3"}),
        ]

    on_stage(scenario)


def test_rule_of_a_node_ends_in_the_node_when_its_time_is_over() -> None:
    async def scenario(at: Stage) -> None:
        events = told(at)
        rule = NodeRule(3, 1, "rate", rate=0.01, expires_at=time.time() + 0.05)
        at.node.set_faults([], [rule.to_map()])
        assert at.node.driver.clock.rate == 0.01
        async with trio.open_nursery() as nursery:
            nursery.start_soon(at.node.expire_faults)
            while at.node.driver.clock.rate != 1:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        assert events[-1].data == {"fault": "#3", "why": "expired"}

    on_stage(scenario)


def test_stalled_flush_holds_up_a_write_and_is_told() -> None:
    async def scenario(at: Stage) -> None:
        events = told(at)
        admin = await at.visit("admin")
        await admin.send(Disturb(1, "stall", 30_000))
        assert await admin.receive() == Document(1, {})
        began = time.monotonic()
        await admin.send(Propose(2, at.command(kv.put("a", b"")), False))
        assert isinstance(await admin.receive(), Applied)
        assert time.monotonic() - began >= 0.03
        assert ("disk", {"state": "held up", "ms": 30.0}) in [(e.kind, e.data) for e in events]

    on_stage(scenario)


def test_clock_that_jumps_shows_the_driver_a_later_time() -> None:
    async def scenario(at: Stage) -> None:
        events = told(at)
        admin = await at.visit("admin")
        before = at.node.driver.clock.now()
        await admin.send(Disturb(1, "jump", 3_000_000))
        assert await admin.receive() == Document(1, {})
        assert at.node.driver.clock.now() - before >= 3_000_000
        assert ("clock", {"state": "jumped", "ms": 3000.0}) in [(e.kind, e.data) for e in events]
        await admin.send(Propose(2, at.command(kv.put("a", b"")), False))
        assert isinstance(await admin.receive(), Applied), "the node goes on"

    on_stage(scenario)


def test_disturbance_that_is_too_long_is_refused() -> None:
    async def scenario(at: Stage) -> None:
        admin = await at.visit("admin")
        for number, kind in enumerate(("stall", "jump"), 1):
            await admin.send(Disturb(number, kind, DELAY_US_MAX + 1))  # type: ignore[arg-type]
            refusal = await admin.receive()
            assert isinstance(refusal, Failure)
            assert refusal.code == "bad_request"

    on_stage(scenario)


def test_bad_rule_changes_nothing() -> None:
    async def scenario(at: Stage) -> None:
        admin = await at.visit("admin")
        good = NodeRule(1, 1, "slow", delay_us=1).to_map()
        await admin.send(SetFaults(1, [], [good]), SetFaults(2, [], [{**good, "rate": 0.0}]))
        assert await admin.receive() == Document(1, {"rules": 1})
        refusal = await admin.receive()
        assert isinstance(refusal, Failure)
        assert "rate has to be" in refusal.message
        await admin.send(GetStatus(3))
        status = await admin.receive()
        assert isinstance(status, Document)
        assert [rule["fault"] for rule in status.value["node_faults"]] == [1]

    on_stage(scenario)


def test_faults_of_a_node_outlive_its_process(tmp_path: Path) -> None:
    async def scenario(at: Stage) -> None:
        saved = '{"rules": [], "node_rules": [{"fault": 1, "node": 1, "kind": "full"}]}'
        (tmp_path / "faults.json").write_text(saved)
        load_faults(tmp_path, at.node)
        assert at.node.driver.faults.rules == (FULL,)

    on_stage(scenario)
