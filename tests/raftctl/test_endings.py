"""A node that is ended: when it is gone, and what to type when it is not."""

import os
from pathlib import Path

import pytest

from node.server import ownership
from node.server.ownership import PidFile, write_pid
from raftctl.cluster.directory import find_cluster
from raftctl.errors import CliError
from tests.raftctl.folders import make, settings_of

GONE = 999_999_999
"""No process has this pid."""


def test_a_process_is_gone_though_somebody_has_started_another_one(tmp_path: Path) -> None:
    """As systemd does, within the time of two looks."""
    process = find_cluster(settings_of(make(tmp_path).parents[1])).processes[1]
    lock = PidFile(process.folder).take()
    try:
        write_pid(lock, os.getpid())
        process.wait_until_gone(GONE, timeout=0)
        assert process.find() == os.getpid()
        with pytest.raises(CliError, match="does not stop"):
            process.wait_until_gone(os.getpid(), timeout=0)
    finally:
        os.close(lock)


def test_hints_about_a_node_name_its_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In another home there may be a node of that name too, which would be stopped instead."""
    monkeypatch.setattr(ownership, "PID_SECONDS_MAX", 0)
    settings = settings_of(make(tmp_path).parents[1])
    settings.is_home_flag = True
    process = find_cluster(settings).processes[1]
    with process.hold():
        with pytest.raises(CliError) as running, process.claim():
            raise AssertionError
        with pytest.raises(CliError) as staying:
            process.wait_until_gone(os.getpid(), timeout=0)
    hints = [running.value.hint, staying.value.hint]
    line = f"raftctl --home {tmp_path}"
    assert hints == [f"{line} stop n1", f"{line} kill n1"]
