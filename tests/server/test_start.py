"""What a node finds in its cluster's folder when it starts."""

import gc
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from node.config import (
    FRAME_BYTES_MAX,
    FRAME_OVERHEAD_BYTES,
    NODES_MAX,
    VALUE_BYTES_MAX,
    ClusterSpec,
    ConfigError,
    Limits,
    NodeAddress,
    first_configuration,
    load_cluster,
    save_cluster,
)
from node.machines.kv import KvMachine
from node.raft.messages import LogEntry
from node.raft.proposing import size_of
from node.raft.ready import HardState, Ready
from node.replica.sessions import Sessions
from node.replica.state import capture
from node.server.node import COMMAND_OVERHEAD_MAX, Node
from node.server.nodefaults import NodeFaults
from node.server.run import (
    FILES_MIN,
    FREEZE_ENTRIES,
    Stores,
    assemble,
    freezing,
    run_node,
)
from node.server.savedfaults import load_faults
from node.storage.memory import MemorySnapshots, MemoryStorage
from node.storage.snapshots import SnapshotFiles
from node.transport import listener as listeners
from node.transport.opening import BUFFER_BYTES_MAX


def spec(limits: Limits | None = None) -> ClusterSpec:
    nodes = tuple(NodeAddress(number, "127.0.0.1", 26000 + number) for number in (1, 2, 3))
    return ClusterSpec("demo", "c1", nodes, limits=limits or Limits())


def node(limits: Limits | None = None) -> Node:
    made = spec(limits)
    storage = MemoryStorage(first_configuration(made.nodes))
    stores = Stores(storage, MemorySnapshots("c1"), False, NodeFaults(Random(1)))
    return assemble(Path("nowhere"), made, b"t" * 32, 1, stores, KvMachine)


def test_b35_snapshot_that_a_crash_left_without_a_record_goes_when_the_node_starts(
    tmp_path: Path,
) -> None:
    made = spec()
    first = first_configuration(made.nodes)
    storage, snapshots = MemoryStorage(first), SnapshotFiles(tmp_path, "c1")
    kept = snapshots.write(1, 1, first, capture(KvMachine(), Sessions()))
    storage.save(Ready(0, HardState(1, None), kept, first_index=1, entries=[LogEntry(1, None)] * 2))
    snapshots.write(2, 1, first, capture(KvMachine(), Sessions()))
    stores = Stores(storage, snapshots, False, NodeFaults(Random(1)))
    started = assemble(Path("nowhere"), made, b"t" * 32, 1, stores, KvMachine)
    assert started.driver.replica.core.snapshot == kept
    assert [path.name for path in tmp_path.iterdir()] == ["0000000000000001-1.snap"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "n1.example.org.", "a_b-c"])
def test_hosts_that_can_be_are_taken(tmp_path: Path, host: str) -> None:
    nodes = (NodeAddress(10_000, host, 65_535), NodeAddress(1, host, 1))
    save_cluster(tmp_path, ClusterSpec("demo", "c1", nodes))
    assert load_cluster(tmp_path).nodes == nodes


BAD_NODES: list[dict[str, Any]] = [
    *({"id": number} for number in (0, -5, 10_001, 2**70, True, "1", None, 2)),
    *({"port": port} for port in (0, -1, 65_536, 26_002, 1.5)),
    *({"host": host} for host in ("", "a..b", "x" * 254, "x" * 64, "-a", "a b", "\x00", "é", 7)),
]


@pytest.mark.parametrize("change", BAD_NODES, ids=lambda change: f"{change}"[:30])
def test_nodes_that_could_not_be_reached_are_named(tmp_path: Path, change: dict[str, Any]) -> None:
    save_cluster(tmp_path, spec())
    document = json.loads((tmp_path / "cluster.json").read_text())
    document["nodes"][0].update(change)
    (tmp_path / "cluster.json").write_text(json.dumps(document))
    with pytest.raises(ConfigError, match=r"cluster\.json: .*(nodes|two nodes)"):
        load_cluster(tmp_path)


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 200_000, b'{"schema": ' + b"9" * 5000 + b"}"],
    ids=["empty", "map", "list", "null", "not utf-8", "deep", "long number"],
)
def test_damaged_cluster_file_is_one_line_and_exit_code_1(
    tmp_path: Path, data: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cluster.json").write_bytes(data)
    assert run_node(tmp_path, 1) == 1
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "cluster.json is damaged" in lines[0]


def test_folder_of_a_node_that_cannot_be_read_is_one_line_and_exit_code_1(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    save_cluster(tmp_path, spec())
    (tmp_path / "n1").symlink_to("n1")
    (tmp_path / "token").mkdir()
    assert run_node(tmp_path, 1) == 1
    assert len(capfd.readouterr().err.splitlines()) == 1


DAMAGED_FAULTS = {
    "null": b"null",
    "rules null": b'{"rules": null}',
    "rules number": b'{"rules": 5}',
    "rules map": b'{"rules": {"a": 1}}',
    "rule number": b'{"rules": [1]}',
    "list": b"[]",
    "empty": b"",
    "not utf-8": b"\xff\xfe\x00",
    "deep": b'{"rules": ' + b"[" * 100_000,
    "nan": b'{"rules": [{"fault": 1, "src": 1, "dst": 2, "drop": NaN}]}',
    "beyond 64 bits": b'{"rules": [{"fault": ' + b"9" * 30 + b', "src": 1, "dst": 2}]}',
    "beyond reading": b'{"rules": [{"fault": ' + b"9" * 5000 + b', "src": 1, "dst": 2}]}',
}


@pytest.mark.parametrize("data", DAMAGED_FAULTS.values(), ids=DAMAGED_FAULTS.keys())
def test_damaged_faults_are_one_line_and_the_node_starts_without(
    tmp_path: Path, data: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "faults.json").write_bytes(data)
    starting = node()
    load_faults(tmp_path, starting)
    (line,) = capfd.readouterr().err.splitlines()
    assert " error starts without faults" in line
    assert starting.policy.rules == ()


def test_folder_in_the_place_of_the_faults_is_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "faults.json").mkdir()
    load_faults(tmp_path, node())
    assert len(capfd.readouterr().err.splitlines()) == 1


# -- sizes that have to fit into each other ------------------------------------------------------
ALLOWED = [
    Limits(),
    Limits(1, 1 + FRAME_OVERHEAD_BYTES),
    Limits(1024, 1024 + FRAME_OVERHEAD_BYTES),
    Limits(1, FRAME_BYTES_MAX),
    Limits(VALUE_BYTES_MAX, FRAME_BYTES_MAX),
]


@pytest.mark.parametrize("limits", ALLOWED, ids=str)
def test_appends_fit_into_frames_and_all_under_way_into_a_links_buffer(limits: Limits) -> None:
    limits.check()
    config = node(limits).driver.replica.core.config
    largest = size_of(config, bytes(limits.value_bytes_max + COMMAND_OVERHEAD_MAX))
    append = max(config.append_bytes_max, largest) + 128
    assert append <= limits.frame_bytes_max
    # The last append under way may overrun the bound by its own size.
    assert config.inflight_bytes_max + append <= BUFFER_BYTES_MAX


@pytest.mark.parametrize(
    "limits",
    [
        Limits(1, FRAME_OVERHEAD_BYTES),
        Limits(1024, 64 * 1024),
        Limits(VALUE_BYTES_MAX, FRAME_BYTES_MAX - 1),
        Limits(VALUE_BYTES_MAX + 1, FRAME_BYTES_MAX),
        Limits(1, FRAME_BYTES_MAX + 1),
    ],
    ids=str,
)
def test_limits_that_could_wedge_a_cluster_are_refused(limits: Limits) -> None:
    with pytest.raises(ConfigError):
        limits.check()


def test_applied_entries_leave_the_collectors_sight() -> None:
    applied = 5
    freeze = freezing(lambda: applied)
    gc.collect()
    before = gc.get_freeze_count()
    try:
        log = [LogEntry(1, b"x") for _ in range(FREEZE_ENTRIES)]
        applied += FREEZE_ENTRIES - 1
        freeze()
        assert gc.get_freeze_count() == before
        applied += 1
        freeze()
        assert gc.get_freeze_count() >= before + len(log)
        count = gc.get_freeze_count()
        freeze()
        assert gc.get_freeze_count() == count, "not again before as many more are applied"
    finally:
        gc.unfreeze()


def test_a_node_may_open_as_many_sockets_as_its_listener_admits() -> None:
    groups = dict(listeners._GROUPS.values())
    assert listeners.STRANGERS_MAX + sum(groups.values()) + NODES_MAX < FILES_MIN
