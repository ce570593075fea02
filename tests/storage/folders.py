"""A node's folder between two lives: as it stopped, as it was killed, or as its disk left it."""

import shutil
from contextlib import closing
from pathlib import Path

from node.raft.ready import Ready
from node.storage.base import Stored
from node.storage.memory import MemoryStorage
from node.storage.ondisk import DATABASE, REDO, DiskStorage
from node.storage.sqlite import SqliteStorage
from tests.storage.batches import FIRST

KEPT = (DATABASE, f"{DATABASE}-wal", REDO)
"""What outlives a crash of the machine."""


def make(folder: Path) -> Path:
    """The folder of a node that never ran."""
    folder.mkdir()
    SqliteStorage.create(folder / DATABASE, "demo", 1, FIRST)
    return folder


def boot(folder: Path) -> Stored:
    """What a node finds there when it starts. Raises CorruptionError."""
    with closing(DiskStorage(folder, "demo", 1)) as opened:
        return opened.load()


def kill(folder: Path, to: Path) -> Path:
    """A copy of the folder as a node leaves it that is killed now."""
    shutil.copytree(folder, to)
    (to / f"{DATABASE}-shm").unlink(missing_ok=True)
    return to


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in KEPT if (folder / name).exists()}


def lay(folder: Path, files: dict[str, bytes]) -> Path:
    """Make the folder one with these files, and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def flip(path: Path, position: int) -> None:
    """Let a bit rot."""
    data = bytearray(path.read_bytes())
    data[position] ^= 4
    path.write_bytes(data)


def remembered(batches: list[Ready]) -> list[Stored]:
    """What is to be found before the first of the batches was saved, and after each."""
    memory = MemoryStorage(FIRST)
    found = [memory.load()]
    for each in batches:
        memory.save(each)
        found.append(memory.load())
    return found
