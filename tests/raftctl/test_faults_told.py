"""Whom faults are told when they change: nodes that start, stop, or do not answer."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.client import admin
from node.client.errors import UnreachableError
from node.server.ownership import PidFile, write_pid
from raftctl.cluster.directory import Cluster, find_cluster
from raftctl.cluster.faultsfile import changing_faults
from tests.raftctl.folders import make, settings_of

Ask = Callable[[int], str]
"""What the node answers when it is asked for the so-many-th time; empty: it takes the rules."""


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    make(tmp_path)
    return find_cluster(settings_of(tmp_path))


def begun(cluster: Cluster) -> int:
    """Node 2 runs, in this process; the descriptor of its lock."""
    lock = PidFile(cluster.folder / "n2").claim()
    write_pid(lock, os.getpid())
    return lock


def told(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, ask: Ask) -> dict[int, str | None]:
    asked = 0

    def connect(*_: Any) -> Any:
        nonlocal asked
        asked += 1
        if code := ask(asked):
            raise UnreachableError(code, code)
        return Listening()

    monkeypatch.setattr(admin, "Admin", connect)
    with changing_faults(cluster) as faults:
        pass
    return faults.told


class Listening:
    def __enter__(self) -> "Listening":
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def set_faults(self, *_: object) -> None:
        pass


def test_node_that_starts_is_told_once_it_listens(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = begun(cluster)
    answers = ["refused", "refused", ""]
    assert told(cluster, monkeypatch, lambda number: answers[number - 1]) == {2: None}
    os.close(lock)


def test_node_that_ended_meanwhile_need_not_be_told(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = begun(cluster)

    def ask(number: int) -> str:
        if number == 2:
            os.close(lock)
        return "gone"

    assert told(cluster, monkeypatch, ask) == {}


def test_node_that_is_silent_is_not_waited_for(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = begun(cluster)
    answers = ["silent"]
    assert told(cluster, monkeypatch, lambda number: answers[number - 1]) == {2: "silent"}
    os.close(lock)
