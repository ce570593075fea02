"""Who waits for nodes that start leaves them the time that they need."""

import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from raftctl.cluster import waiting
from raftctl.cluster.directory import find_cluster
from raftctl.cluster.ports import any_ports, is_open
from raftctl.errors import CliError
from tests.raftctl.folders import make, settings_of


class Living:
    """A process, and no more."""

    name = "n1"

    def find(self) -> int:
        return os.getpid()


class Starting(Living):
    """One that listens when somebody has looked for it for the third time."""

    def __init__(self, listener: socket.socket, port: int) -> None:
        self._listener = listener
        self._port = port
        self._looks = 0

    def find(self) -> int:
        self._looks += 1
        if self._looks == 3:
            self._listener.bind(("127.0.0.1", self._port))
            self._listener.listen()
        return super().find()


def test_nodes_are_asked_once_all_that_were_started_listen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path)
    cluster = find_cluster(settings_of(tmp_path))
    ports = any_ports(2)
    cluster.spec = cluster.spec._replace(
        nodes=tuple(
            node._replace(port=port) for node, port in zip(cluster.spec.nodes, ports, strict=False)
        )
    )
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", ports[0]))
        first.listen()
        processes: dict[int, Any] = {2: Starting(second, ports[1]), 1: Living()}
        cluster.processes = processes
        listening: list[bool] = []

        def observe(*_: Any, **__: Any) -> Any:
            listening.append(all(is_open(port, "127.0.0.1") for port in ports))

        monkeypatch.setattr(waiting, "observe", observe)
        waiting.wait_for(cluster, lambda _: True, "there", 10, started=[1, 2])
    assert listening == [True]


def test_node_that_ends_before_it_listens_is_told_at_once_whoever_comes_first(
    tmp_path: Path,
) -> None:
    make(tmp_path)
    for silent in ((), (1,), (1, 3)):
        cluster = find_cluster(settings_of(tmp_path))
        cluster.processes.update((node_id, Living()) for node_id in silent)  # type: ignore[misc]
        began = time.monotonic()
        with pytest.raises(CliError, match="ended while starting"):
            waiting.wait_for(cluster, lambda _: False, "there", 60, started=[1, 2, 3])
        assert time.monotonic() - began < 20
