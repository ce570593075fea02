"""Folders of clusters that never ran, and what happens to them when a command is killed."""

import itertools
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from node.config import Limits, RaftSettings, first_configuration, load_cluster
from node.machines import kv
from node.machines.kv import KvMachine
from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.raft.ready import HardState, Ready
from node.raft.snapshot import Snapshot
from node.replica.sessions import Sessions
from node.replica.state import capture
from node.server.run import open_stores
from node.storage.ondisk import DiskStorage
from node.storage.snapshots import SnapshotFiles
from node.wire.envelope import Header, seal
from raftctl.cluster.making import Plan, make_cluster
from raftctl.cluster.settling import settle, unsettled
from raftctl.output import Output
from raftctl.settings import Settings

PORT_BASE = 20_100


def settings_of(home: Path, yes: bool = True) -> Settings:
    return Settings(home, "demo", None, yes, Output("text", True, False, False, False))


def make(home: Path, size: int = 3) -> Path:
    """A cluster `demo`, whose nodes have empty logs."""
    folder = home / "clusters" / "demo"
    ports = [PORT_BASE + number for number in range(1, size + 1)]
    make_cluster(Plan("demo", folder, ports, "kv", RaftSettings(), Limits()))
    return folder


def put(key: str, value: str = "v") -> bytes:
    return seal(Header(7, 1, 0, 0), kv.put(key, value.encode()))


def terms(*of: int) -> list[LogEntry]:
    """A command for each of these terms; equal terms at equal places make equal entries."""
    return [LogEntry(term, put(f"k{n}-{term}")) for n, term in enumerate(of, 1)]


def write(
    folder: Path,
    node_id: int,
    entries: Sequence[LogEntry],
    commit_index: int = 0,
    term: int | None = None,
    base: EntryId | None = None,
) -> None:
    """Give a node a log, each entry in a row of its own; with `base` behind a snapshot of an empty
    machine.
    """
    cluster_id = load_cluster(folder).cluster_id
    home = folder / f"n{node_id}"
    last_term = entries[-1].term if entries else 1
    batch = Ready(1, HardState(term or last_term, None))
    if base is not None:
        batch.snapshot, batch.base = snapshot(folder, node_id, base), base
        batch.truncate_from = base.index + 1
    first_index = 1 if base is None else base.index + 1
    with closing(DiskStorage(home, cluster_id, node_id)) as storage:
        storage.save(batch)
        for index, entry in enumerate(entries, first_index):
            storage.save(Ready(1, first_index=index, entries=[entry], commit_index=commit_index))


def append(folder: Path, node_id: int, *entries: LogEntry) -> None:
    """More at the end of a node's log."""
    cluster_id = load_cluster(folder).cluster_id
    with closing(DiskStorage(folder / f"n{node_id}", cluster_id, node_id)) as storage:
        stored = storage.load()
        next_index = stored.base.index + len(stored.log) + 1
        storage.save(Ready(1, first_index=next_index, entries=list(entries)))


def snapshot(folder: Path, node_id: int, last: EntryId, keys: int = 3) -> Snapshot:
    """A snapshot of a machine with some keys, among those of a node."""
    machine = KvMachine()
    for number in range(keys):
        machine.apply(kv.put(f"old{number}", b"v"), number + 1)
    spec = load_cluster(folder)
    store = SnapshotFiles(folder / f"n{node_id}" / "snapshots", spec.cluster_id)
    members = first_configuration(spec.nodes)
    return store.write(last.index, last.term, members, capture(machine, Sessions()))


def damage(path: Path) -> None:
    """Let a bit rot near the end of a file."""
    data = bytearray(path.read_bytes())
    data[-12] ^= 1
    path.write_bytes(data)


# -- killed ----------------------------------------------------------------------------------------
_CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "sqlite3.connect"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def _changes(event: str, arguments: Sequence[Any], folder: str) -> bool:
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITING):
        return False
    if event != "open" and event not in _CHANGES:
        return False
    paths = [os.fsdecode(each) for each in arguments[:2] if isinstance(each, str | bytes)]
    paths += [str(each) for each in arguments[:2] if isinstance(each, Path)]
    return any(folder in path for path in paths)


def killed_at(step: int, folder: Path, command: Callable[[], object]) -> bool:
    """Run `command` in a process of its own, which is killed (SIGKILL) just before the `step`th
    time that it changes something in `folder`. False when it came to its end before.
    """
    child = os.fork()
    if child == 0:
        _run_to_its_end_or(step, str(folder), command)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    assert os.waitstatus_to_exitcode(status) == 0, "the command failed"
    return False


def _run_to_its_end_or(step: int, folder: str, command: Callable[[], object]) -> None:
    left = step

    def look(event: str, arguments: Sequence[Any]) -> None:
        nonlocal left
        if _changes(event, arguments, folder):
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        sys.addaudithook(look)
        command()
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def killed_at_each_step(
    source: Path, target: Path, command: Callable[[Path], object]
) -> Iterator[tuple[int, Path]]:
    """Run `command` on a copy of the home `source`, killed at its first change, on a second copy
    at its second, and so on, until it comes to its end. Gives each time which change it was and
    the cluster's folder.
    """
    for step in itertools.count(1):
        shutil.copytree(source, target)
        is_killed = killed_at(step, target, partial(command, target))
        yield step, target / "clusters" / "demo"
        shutil.rmtree(target, ignore_errors=True)  # somebody may have kept it
        if not is_killed:
            return


def end_what_was_begun(folder: Path, starting: Iterable[int] = ()) -> None:
    """What a later command does, after nodes that start."""
    spec = load_cluster(folder)
    for node_id in starting:
        open_stores(folder, spec, node_id).storage.close()
    settle(folder)
    assert not unsettled(folder)


def never(*_: object) -> None:
    raise AssertionError("nothing may be stopped")


def failing_with(failure: BaseException) -> Callable[..., object]:
    """A stand-in for a function, that raises it."""

    def fail(*_: object) -> object:
        raise failure

    return fail


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def full(_: Path) -> Usage:
    """`shutil.disk_usage` of a disk on which nothing has room."""
    return Usage(10**9, 10**9, 100_000)
