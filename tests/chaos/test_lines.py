"""The process that carries out a run's lines, and what happens when somebody kills it."""

import signal
from pathlib import Path

import psutil
import pytest

from raftctl.chaos.lines import Lines
from raftctl.errors import CliError


def hand() -> psutil.Process:
    (found,) = [
        each for each in psutil.Process().children() if "raftctl.chaos.hand" in each.cmdline()
    ]
    return found


def drawing(path: Path) -> list[str]:
    """A line that needs no cluster, and leaves something behind."""
    return ["chaos", "random", "--save", str(path)]


def test_last_lines_are_carried_out_when_it_was_killed(tmp_path: Path) -> None:
    lines = Lines(["--home", str(tmp_path)], [drawing(tmp_path / "last.toml")])
    assert lines.do(drawing(tmp_path / "first.toml")).exit == 0
    lines.check()
    hand().kill()
    with pytest.raises(CliError, match=rf"ended \(signal {int(signal.SIGKILL)}\)") as caught:
        lines.do(drawing(tmp_path / "second.toml"))
    assert caught.value.exit_code == 1
    lines.close()
    with pytest.raises(CliError, match="has ended"):
        lines.check()
    assert (tmp_path / "last.toml").is_file()
    assert not (tmp_path / "second.toml").exists()


def test_last_lines_are_carried_out_when_all_is_well(tmp_path: Path) -> None:
    lines = Lines(["--home", str(tmp_path)], [drawing(tmp_path / "last.toml")])
    lines.close()
    assert (tmp_path / "last.toml").is_file()
