"""What is left out of a comparison says what to install."""

import shutil
from pathlib import Path

import pytest

from tests.benchmark import side
from tests.benchmark.etcd import building
from tests.benchmark.pysyncobj.system import PySyncObjSystem


def test_missing_etcd_is_left_out_and_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(PySyncObjSystem, "missing", lambda system: "")
    assert [system.name for system in side.present()] == ["raftctl", "PySyncObj"]
    assert "left out: etcd is not installed; on Debian: apt install" in capsys.readouterr().out


def test_missing_go_is_said_as_long_as_there_is_no_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: name if name == "etcd" else None)
    monkeypatch.setattr(building, "BINARY", tmp_path / "etcd-load")
    assert "golang-go" in building.missing()
    building.BINARY.touch()
    assert building.missing() == ""
