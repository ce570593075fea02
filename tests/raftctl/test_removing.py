"""Data that is to go, and a node that somebody starts meanwhile."""

from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from node.server import ownership
from raftctl.cluster.directory import Cluster
from raftctl.cluster.processes import NodeProcess
from raftctl.commands import cluster as commands
from raftctl.commands.cluster import down, prune
from raftctl.commands.nodes import wipe
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.output import Output
from tests.raftctl.folders import make, settings_of


@pytest.fixture
def folder(memory_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a cluster of three nodes, of which none runs."""
    monkeypatch.setattr(ownership, "PID_SECONDS_MAX", 0.05)
    return make(memory_path)


def context_of(folder: Path) -> Any:
    settings = settings_of(folder.parents[1])
    settings.output = Output("text", False, False, False, False)
    return SimpleNamespace(obj=settings)


def databases(folder: Path) -> int:
    return len(list(folder.glob("n*/raft.db")))


def test_a_cluster_that_is_started_while_prune_asks_stays(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as started:

        def ask(*_: object) -> None:
            started.enter_context(NodeProcess(folder, 2).hold())

        monkeypatch.setattr(commands, "confirm", ask)
        prune(context_of(folder))
        assert databases(folder) == 3
        told = capsys.readouterr()
        assert "demo stays: n2 runs already" in told.err
        assert "removed demo" not in told.out
    monkeypatch.setattr(commands, "confirm", lambda *_: None)
    prune(context_of(folder))
    assert "removed demo" in capsys.readouterr().out
    assert not folder.exists()


def test_a_cluster_that_another_command_removes_while_prune_asks_is_gone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "confirm", lambda *_: Cluster("demo", folder).purge())
    prune(context_of(folder))
    assert "removed demo" in capsys.readouterr().out


def test_a_cluster_is_not_removed_under_a_node_that_is_started_after_its_stop(folder: Path) -> None:
    """As systemd starts what ends. Nobody has written down its pid yet."""
    with NodeProcess(folder, 2).hold():
        with pytest.raises(CliError, match="n2 runs already") as caught:
            down(context_of(folder), purge=True)
        assert caught.value.exit_code == Exit.PRECONDITION
        assert databases(folder) == 3


def test_a_node_is_not_wiped_while_somebody_has_its_data(folder: Path) -> None:
    with NodeProcess(folder, 2).hold():
        with pytest.raises(CliError, match="n2 runs already") as caught:
            wipe(context_of(folder), ["n2"])
        assert caught.value.exit_code == Exit.PRECONDITION
        assert databases(folder) == 3
    assert wipe(context_of(folder), ["n2"]) == Exit.OK
    assert databases(folder) == 2
