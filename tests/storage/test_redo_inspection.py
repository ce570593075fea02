"""A redo log looked at from outside, while its node runs and after it died; and its damage."""

import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from node.raft.messages import LogEntry
from node.raft.ready import HardState
from node.storage import inspection
from node.storage.base import CorruptionError, StorageError
from node.storage.damage import rot, truncate
from node.storage.inspection import read_database
from node.storage.ondisk import DATABASE, REDO, DiskStorage
from tests.storage.batches import batch, compaction
from tests.storage.databases import alter
from tests.storage.folders import boot, flip, kill, make, remembered

ROOT = Path(__file__).parents[2]
SAVES = 20
BATCHES = [
    *(batch(HardState(1, 1), None, n, [LogEntry(1, b"entry %d" % n)], n - 1) for n in range(1, 6)),
    compaction(3, 1),
    *(batch(HardState(2, n), None, n, [LogEntry(2, b"more")], n - 1) for n in range(6, SAVES)),
    batch(HardState(9, None)),
]
STORED = remembered(BATCHES)[-1]


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The folder of a node that was killed: entries 4 and 5 in the database, 6 to 19 and a vote in
    the redo log.
    """
    folder = make(tmp_path / "n1")
    with closing(DiskStorage(folder, "demo", 1)) as storage:
        for each in BATCHES:
            storage.save(each)
        return kill(folder, tmp_path / "killed")


def _ends(folder: Path) -> list[int]:
    """Where each record of a redo log ends."""
    with closing(DiskStorage(kill(folder, folder.with_name("looked")), "demo", 1)) as storage:
        return [each.end for each in storage._written]


@contextmanager
def _unchanged(folder: Path) -> Iterator[None]:
    """But for SQLite's index of its write-ahead log, which whoever opens next may make anew."""

    def look() -> dict[str, tuple[bytes, int]]:
        found = [path for path in folder.iterdir() if path.name != f"{DATABASE}-shm"]
        return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in found}

    before = look()
    yield
    assert look() == before


# -- what is there ---------------------------------------------------------------------------------
def test_killed_node_is_read_with_its_redo_log_and_without_a_trace(killed: Path) -> None:
    with _unchanged(killed):
        found = read_database(killed / DATABASE)
    assert (found.stored, found.damage) == (STORED, ())
    assert boot(killed) == STORED


def test_node_is_read_whose_redo_log_is_gone(killed: Path) -> None:
    """It has then forgotten what it promised, and nobody can see that."""
    (killed / REDO).unlink()
    with _unchanged(killed):
        found = read_database(killed / DATABASE)
    assert (len(found.stored.log), found.damage) == (2, ())


def test_stopped_node_is_read_without_a_trace(killed: Path) -> None:
    boot(killed)  # which lays all into the database
    with _unchanged(killed):
        assert read_database(killed / DATABASE).stored == STORED
    assert sorted(path.name for path in killed.iterdir()) == [DATABASE, REDO]


def test_running_node_is_read_after_each_save(tmp_path: Path) -> None:
    folder, states = make(tmp_path / "n1"), remembered(BATCHES)
    with closing(DiskStorage(folder, "demo", 1)) as storage:
        for each, expected in zip(BATCHES, states[1:], strict=True):
            storage.save(each)
            with _unchanged(folder):
                assert read_database(folder / DATABASE).stored == expected


def test_b30_damage_in_the_redo_log_is_listed(killed: Path) -> None:
    ends = _ends(killed)
    start = -(-ends[3] // 512) * 512
    flip(killed / REDO, start + 20)
    with _unchanged(killed):
        found = read_database(killed / DATABASE)
    (line,) = found.damage
    assert line.startswith(f"{killed / REDO}: damaged at byte {start}, in front of saves that were")
    with pytest.raises(CorruptionError, match=re.escape(line)):
        boot(killed)


def test_damage_hides_nothing_that_the_redo_log_has_in_front_of_it(killed: Path) -> None:
    """It did: a configuration that stood there alone was unknown to a recovery."""
    ends = _ends(killed)
    flip(killed / REDO, -(-ends[3] // 512) * 512)
    assert read_database(killed / DATABASE).stored == remembered(BATCHES)[-len(ends) + 3]


def test_damage_elsewhere_hides_nothing_of_the_redo_log(killed: Path) -> None:
    alter(killed / DATABASE, "UPDATE snapshot SET size = 1")
    found = read_database(killed / DATABASE)
    assert len(found.damage) >= 1
    assert found.stored == STORED._replace(snapshots=())


def test_b31_last_save_that_was_cut_off_is_no_damage(killed: Path) -> None:
    flip(killed / REDO, _ends(killed)[-1] - 1)
    found = read_database(killed / DATABASE)
    assert (found.damage, found.stored) == ((), remembered(BATCHES)[-2])


# -- while it is written ---------------------------------------------------------------------------
WRITER = """
import os, sys
from pathlib import Path
from node.storage import ondisk
from tests.storage.test_redo_inspection import entry
from tests.storage.batches import *

ondisk.RECORDS_MAX = int(sys.argv[2])
storage = ondisk.DiskStorage(Path(sys.argv[1]), "demo", 1)
said = os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT)
os.write(1, b"open\\n")
for number in range(1, 1_000_000):
    storage.save(batch(HardState(1, None), None, number, [entry(number)]))
    os.pwrite(said, b"%09d" % number, 0)
    if number % 100 == 0:
        storage.save(compaction(number - 20, 1))
"""


def entry(number: int) -> LogEntry:
    """Of one block or of some."""
    return LogEntry(1, b"entry %d" % number * (number % 5 * 60 + 1))


@pytest.mark.parametrize("records_max", [3, 40])
def test_node_that_saves_all_the_time_is_read_without_damage_and_without_a_hole(
    tmp_path: Path, records_max: int
) -> None:
    folder, said = make(tmp_path / "n1"), tmp_path / "said"

    def saved() -> int:
        return int(said.read_bytes() or b"0") if said.exists() else 0

    command = [sys.executable, "-c", WRITER, str(folder), str(records_max), str(said)]
    seen: list[int] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            while len(seen) < 15:
                before = saved()
                with suppress(StorageError):  # once in a while it changes all the time
                    found = read_database(folder / DATABASE)
                    after = saved()
                    assert found.damage == ()
                    log, base = found.stored.log, found.stored.base.index
                    seen.append(base + len(log))
                    assert before <= seen[-1] <= after + 1
                    assert log == [entry(number) for number in range(base + 1, seen[-1] + 1)]
        finally:
            process.kill()
    assert len(set(seen)) > 3
    assert read_database(folder / DATABASE).stored == boot(folder)


def test_database_that_is_written_for_the_first_time_under_a_reader_is_not_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no write-ahead log until then, and SQLite is told that nobody writes."""
    folder, looks = make(tmp_path / "n1"), 0
    look = inspection._redo_bytes
    with closing(DiskStorage(folder, "demo", 1)) as storage:
        storage.save(batch(HardState(1, None), None, 1, [entry(1)]))
        assert (folder / f"{DATABASE}-wal").stat().st_size == 0

        def redo_bytes(path: Path) -> bytes:
            nonlocal looks
            looks += 1
            for number in range(2, 62) if looks == 1 else ():
                large = [LogEntry(1, bytes(100_000))]
                storage.save(batch(HardState(1, None), None, number, large))
            return look(path)

        monkeypatch.setattr(inspection, "_redo_bytes", redo_bytes)
        found = read_database(folder / DATABASE)
    assert (len(found.stored.log), found.damage) == (61, ())
    assert looks > 1


# -- damage on purpose -----------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(8))
def test_b30_entry_that_rots_in_the_redo_log_alone_keeps_the_node_from_starting(
    killed: Path, seed: int
) -> None:
    found = re.fullmatch(r"a bit of entry (\d+) flipped", rot(killed, random.Random(seed)))
    assert found is not None
    assert 4 <= int(found[1]) < SAVES
    with pytest.raises(CorruptionError, match=rf"entry {found[1]} is damaged \(checksum\)"):
        boot(killed)


def test_rot_reaches_the_entries_of_the_redo_log(killed: Path, tmp_path: Path) -> None:
    says = {rot(kill(killed, tmp_path / f"copy{n}"), random.Random(n)) for n in range(12)}
    assert len(says - {"a bit of entry 4 flipped", "a bit of entry 5 flipped"}) > 3


@pytest.mark.parametrize("seed", range(8))
def test_node_without_the_end_of_its_redo_log_has_forgotten_it(killed: Path, seed: int) -> None:
    found = re.fullmatch(r"its last (\d+) flushes are gone", truncate(killed, random.Random(seed)))
    assert found is not None
    lost = int(found[1])
    assert lost == 15 - 15 // 2
    assert boot(killed) == remembered(BATCHES)[-1 - lost]


def test_b30_damaged_redo_log_is_not_tidied_up(killed: Path) -> None:
    flip(killed / REDO, 30)
    damaged = (killed / REDO).read_bytes()
    for _ in range(2):
        with pytest.raises(CorruptionError, match="damaged at byte 0"):
            rot(killed, random.Random(1))
    assert (killed / REDO).read_bytes() == damaged
