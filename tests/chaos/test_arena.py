"""A cluster that is lent to one run at a time."""

import fcntl
from pathlib import Path

import pytest

from node.scenario.parsing import parse
from raftctl.chaos.live import run_live
from raftctl.chaos.telling import Lines
from raftctl.cluster.directory import RUN_LOCK, Cluster
from raftctl.errors import CliError
from tests.chaos.runs import SCENARIO
from tests.raftctl.folders import make, settings_of


def test_second_run_on_one_cluster_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    folder, settings = make(tmp_path), settings_of(tmp_path)
    with (folder / RUN_LOCK).open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        with pytest.raises(CliError, match="another run is using cluster demo") as caught:
            run_live(settings, parse(SCENARIO), "again", "demo", Lines(settings.output))
    assert (caught.value.code, caught.value.exit_code) == ("E_BUSY", 6)
    assert list((tmp_path / "runs").glob("2*")) == []


def test_purge_takes_the_lock_of_runs_with_it(tmp_path: Path) -> None:
    folder = make(tmp_path)
    (folder / RUN_LOCK).touch()
    assert Cluster("demo", folder).purge() == []
    assert not folder.exists()
