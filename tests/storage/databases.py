"""A database between two lives of its node: opened anew, or changed behind the storage's back."""

import sqlite3
from contextlib import closing
from pathlib import Path

from node.storage.base import Stored
from node.storage.sqlite import SqliteStorage


def load(path: Path) -> Stored:
    """What a node finds in it when it starts. Raises CorruptionError."""
    with closing(SqliteStorage(path, "demo", 1)) as opened:
        return opened.load()


def alter(path: Path, *statements: str) -> None:
    """Change it as no node does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)
