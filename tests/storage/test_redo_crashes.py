"""A process that dies while it saves, or whose machine loses power, leaves all that it had saved,
and of the last save all or nothing.
"""

import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path

import pytest

from node.raft.messages import LogEntry
from node.raft.ready import HardState
from node.storage import ondisk, sqlite
from node.storage.ondisk import DATABASE, REDO, DiskStorage
from tests.storage.batches import batch
from tests.storage.folders import boot, contents, kill, lay, make, remembered
from tests.storage.histories import history
from tests.storage.strace import needs_strace

ROOT = Path(__file__).parents[2]
SEED, SAVES = 3, 60
CHILD = f"""
import os, sys
from pathlib import Path
from node.storage import ondisk, sqlite
from node.storage.base import DiskFullError, StorageError
from tests.storage.histories import history

ondisk.RECORDS_MAX, ondisk.REDO_BYTES, ondisk.GROWTH_BYTES = 5, 64 * 1024, 4096
sqlite.WAL_PAGES_MAX = 16

def say(word, number):
    os.write(1, f"{{word}} {{number}}\\n".encode())  # one write: no kill cuts a line

storage = ondisk.DiskStorage(Path(sys.argv[1]), "demo", 1)
say("saved", 0)
for number, each in enumerate(history({SEED}, {SAVES}), 1):
    for _ in range(3):
        try:
            storage.save(each)
            say("saved", number)
            break
        except DiskFullError:
            say("full", number)
        except StorageError:
            say("failed", number)
storage.close()
"""
OPENS = """
import os, sys
from pathlib import Path
from node.storage.ondisk import DiskStorage

storage = DiskStorage(Path(sys.argv[1]), "demo", 1)
storage.load()
os.write(1, b"loaded\\n")
os._exit(0)
"""
APPENDS = """
import os, sys
from pathlib import Path
from node.storage.ondisk import DiskStorage
from tests.storage.batches import *

storage = DiskStorage(Path(sys.argv[1]), "demo", 1)
for number in range(1, 41):
    made = batch(HardState(1, 1), None, number, [LogEntry(1, b"x" * 100)])
    os.write(1, b"begin\\n")
    storage.save(made)
    os.write(1, b"end\\n")
"""
STATES = remembered(list(history(SEED, SAVES)))


def _strace(script: str, folder: Path, trace: Path, *expressions: str) -> list[str]:
    """What the process says under strace, whose output is in `trace`."""
    options = [word for expression in expressions for word in ("-e", expression)]
    child = [sys.executable, "-c", script, str(folder)]
    command = ["strace", "-y", "-f", "-o", str(trace), *options, *child]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout.splitlines()


def _calls(trace: Path) -> list[str]:
    """The system calls in order, each with the name of its file, or with what it says."""
    line = re.compile(r'\d+ +(\w+)\((?:1<[^>]*>, "(\w+)|\d+<[^>]*?([^/>]+)>)')
    found = [line.match(each) for each in trace.read_text().splitlines()]
    return [f"{each[1]} {each[2] or each[3]}" for each in found if each is not None]


def _saved(said: Iterable[str]) -> int:
    return max((int(each.split()[1]) for each in said if each.startswith("saved")), default=0)


# -- death of the process --------------------------------------------------------------------------
@needs_strace
@pytest.mark.parametrize(
    ("call", "step"), [("pwrite64", 19), ("fdatasync", 11), ("fsync", 1), ("ftruncate", 1)]
)
def test_b35_killed_at_any_write_leaves_all_of_the_save_or_nothing(
    tmp_path: Path, call: str, step: int
) -> None:
    deaths = 0
    for number in range(1, 400, step):
        folder = make(tmp_path / f"n{number}")
        inject = f"inject={call}:signal=SIGKILL:when={number}"
        said = _strace(CHILD, folder, tmp_path / "trace", f"trace={call}", inject)
        saved = _saved(said)
        assert boot(folder) in STATES[saved : saved + 2], number
        if "killed by SIGKILL" not in (tmp_path / "trace").read_text():
            assert saved == SAVES
            break
        deaths += 1
    assert deaths >= 1


@needs_strace
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync", "fsync"])
def test_b35_killed_while_it_starts_loses_nothing(folder: Path, tmp_path: Path, call: str) -> None:
    with_records = _killed_with_records(folder, tmp_path / "dead")
    expected = boot(kill(with_records, tmp_path / "expected"))
    for number in range(1, 100):
        dead = kill(with_records, tmp_path / f"dead{number}")
        inject = f"inject={call}:signal=SIGKILL:when={number}"
        said = _strace(OPENS, dead, tmp_path / "trace", f"trace={call}", inject)
        assert boot(dead) == expected
        if said == ["loaded"]:
            break
    assert number > 1


def _killed_with_records(folder: Path, to: Path) -> Path:
    """With saves in the database's write-ahead log, and others behind them in the redo log."""
    storage = DiskStorage(folder, "demo", 1)
    for each in history(1, 12):
        storage.save(each)
    storage.save(batch(HardState(50, 1)))
    assert storage._written
    killed = kill(folder, to)
    storage.close()
    assert (killed / f"{DATABASE}-wal").stat().st_size > 0
    return killed


@needs_strace
def test_b33_what_is_found_is_flushed_before_it_counts(folder: Path, tmp_path: Path) -> None:
    """It may never have been, if the process died and the machine did not."""
    killed = _killed_with_records(folder, tmp_path / "dead")
    trace = tmp_path / "trace"
    _strace(OPENS, killed, trace, "trace=pwrite64,fsync,fdatasync,write")
    calls = [each for each in _calls(trace) if REDO in each or DATABASE in each or "load" in each]
    calls = [each for each, _ in groupby(calls) if not each.endswith("-shm")]  # in blocks
    assert calls == [
        f"pwrite64 {DATABASE}-wal",  # the system may take for flushed what never was
        f"fsync {DATABASE}-wal",
        f"pwrite64 {REDO}",
        f"fdatasync {REDO}",
        "write loaded",
    ]


@needs_strace
def test_a_save_is_one_write_and_one_flush(folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    _strace(APPENDS, folder, trace, "trace=%desc,%file")
    saves = "\n".join(_calls(trace)).split("write begin\n")[1:]
    ends = [save.split("write end")[0].splitlines() for save in saves]
    grows = [f"pwrite64 {REDO}", f"pwrite64 {REDO}", f"fdatasync {REDO}"]
    assert ends == [grows, *[grows[1:]] * 39]


# -- errors of the disk ----------------------------------------------------------------------------
@needs_strace
def test_b33_a_real_flush_error_is_latched(tmp_path: Path) -> None:
    """SQLite says nothing of those of a folder, and after them of a checkpoint."""
    failed, trace = set(), tmp_path / "trace"
    for number in (2, 4, 6, 8, 11, 33):
        folder = make(tmp_path / f"n{number}")
        inject = f"inject=fdatasync:error=EIO:when={number}"
        said = _strace(CHILD, folder, trace, "trace=fdatasync", inject)
        words = [each.split()[0] for each in said]
        saved = words.index("failed") if "failed" in words else len(words)
        assert set(words[saved:]) <= {"failed"}  # once it failed, it never works again
        assert boot(folder) in STATES[saved - 1 : saved + 1]
        if saved < len(words):
            failed.add(_calls(trace)[number - 1])
    assert failed == {f"fdatasync {REDO}", f"fdatasync {DATABASE}-wal"}


@needs_strace
@pytest.mark.parametrize("number", range(9, 126, 13))
def test_b34_a_really_full_disk_loses_nothing(folder: Path, tmp_path: Path, number: int) -> None:
    """Each write may be the one that has no room, and the next try has."""
    inject = f"inject=pwrite64:error=ENOSPC:when={number}"
    said = _strace(CHILD, folder, tmp_path / "trace", "trace=pwrite64", inject)
    saved = [each for each in said if each.startswith("saved")]
    assert saved == [f"saved {each}" for each in range(SAVES + 1)]
    assert {each.split()[0] for each in said} <= {"saved", "full"}
    assert boot(folder) == STATES[-1]


# -- loss of power ---------------------------------------------------------------------------------
_SECTOR = 512
_LOG_HEADER_BYTES = 32
_Files = dict[str, bytes]


class Machine:
    """What the disk held before each flush, and when it had ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.flushes: list[tuple[_Files, _Files]] = []

    def flush(self, write: Callable[[], object]) -> None:
        before = contents(self.folder)
        write()
        self.flushes.append((before, contents(self.folder)))

    def open(self) -> DiskStorage:
        return DiskStorage(self.folder, "demo", 1, self.flush)


def _power_failure(before: _Files, after: _Files, rng: random.Random) -> _Files:
    """What is there when power fails in a flush: any sectors of what was not flushed yet."""
    wal = f"{DATABASE}-wal"
    mixed = dict(after)
    if before[DATABASE] == after[DATABASE] or rng.random() < 0.5:
        mixed[DATABASE] = before[DATABASE]
        if before[wal] != after[wal]:
            data = _mixed(before[wal], after[wal], rng)
            header = after[wal][:_LOG_HEADER_BYTES]  # SQLite flushes it before it writes on
            mixed[wal] = header + data[_LOG_HEADER_BYTES:]
        mixed[REDO] = _mixed(before[REDO], after[REDO], rng)
    else:  # which is written when the write-ahead log was flushed
        mixed[DATABASE] = _mixed(before[DATABASE], after[DATABASE], rng)
    return mixed


def _mixed(before: bytes, after: bytes, rng: random.Random) -> bytes:
    size = len(after)
    mixed = bytearray(before.ljust(size, b"\0"))
    share = rng.choice([0.1, 0.5, 0.9])
    for start in range(0, size, _SECTOR):
        if rng.random() < share:
            mixed[start : start + _SECTOR] = after[start : start + _SECTOR]
    return bytes(mixed[: max(len(before), rng.choice([size, rng.randint(0, size)]))])


@pytest.mark.parametrize("seed", range(4))
def test_b31_power_failure_in_any_flush_leaves_all_of_the_save_or_nothing(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no damage is seen where there is none, also after another failure before it."""
    for name, value in (("RECORDS_MAX", 4), ("REDO_BYTES", 32 * 1024), ("GROWTH_BYTES", 4096)):
        monkeypatch.setattr(ondisk, name, value)
    monkeypatch.setattr(sqlite, "WAL_PAGES_MAX", 12)
    rng = random.Random(seed)
    batches = list(history(seed, 40))
    states = remembered(batches)
    machine = Machine(make(tmp_path / "n0"))
    storage = machine.open()
    landed = set()
    for number, each in enumerate(batches):
        machine.flushes = []
        storage.save(each)
        for before, after in machine.flushes * 3:
            crashed = lay(tmp_path / "crashed", _power_failure(before, after, rng))
            found = boot(crashed)
            assert found in states[number : number + 2]
            landed.add(found == states[number + 1])
        if not machine.flushes:
            continue
        before, after = machine.flushes[-1]
        assert boot(lay(tmp_path / "flushed", after)) == states[number + 1]
        if rng.random() < 0.3:
            storage.close()
            files = _power_failure(before, after, rng)
            machine = Machine(lay(tmp_path / f"n{number + 1}", files))
            storage = machine.open()
            if storage.load() != states[number + 1]:
                assert storage.load() == states[number]
                storage.save(each)
    storage.close()
    assert landed == {False, True}


def test_b31_power_failure_in_the_first_record_after_a_fold(tmp_path: Path) -> None:
    """It is written over records that the fold made void."""
    machine = Machine(make(tmp_path / "n1"))
    storage = machine.open()
    large = [LogEntry(1, bytes([7]) * 3000)]
    batches = [batch(HardState(1, 1), None, index, large) for index in range(1, 6)]
    batches += [batch(HardState(2, 1), 5, 5, large), batch(HardState(2, 1), None, 6, large)]
    for each in batches:
        machine.flushes = []
        storage.save(each)
    ((before, after),) = machine.flushes
    storage.close()
    assert before[DATABASE] == after[DATABASE]
    states, rng, found = remembered(batches)[-2:], random.Random(1), []
    for _ in range(60):
        found.append(boot(lay(tmp_path / "crashed", _power_failure(before, after, rng))))
        assert found[-1] in states
    assert states[0] in found
    assert boot(lay(tmp_path / "crashed", after)) == states[1]
