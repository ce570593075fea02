"""A database, or a node's folder, for the tests that want one."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from node.storage.ondisk import DiskStorage
from node.storage.sqlite import SqliteStorage
from tests.storage.batches import FIRST
from tests.storage.folders import make


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A new database without entries."""
    made = tmp_path / "raft.db"
    SqliteStorage.create(made, "demo", 1, FIRST)
    return made


@pytest.fixture
def storage(path: Path) -> Iterator[SqliteStorage]:
    """What stores in it."""
    with closing(SqliteStorage(path, "demo", 1)) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """That of a node that never ran."""
    return make(tmp_path / "n1")


@pytest.fixture
def disk_storage(folder: Path) -> Iterator[DiskStorage]:
    """What stores in it."""
    with closing(DiskStorage(folder, "demo", 1)) as opened:
        yield opened
