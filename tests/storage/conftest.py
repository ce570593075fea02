"""A database for the tests that want one."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from node.storage.sqlite import SqliteStorage
from tests.storage.batches import FIRST


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
