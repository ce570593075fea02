"""`chaos record`: which lines it takes from the journal, and what it writes where."""

import json
import time
from pathlib import Path

import pytest

from raftctl import cli
from raftctl.cluster.journal import Entry, append
from raftctl.exit_codes import Exit
from raftctl.scenariofile import read_scenario
from raftctl.schemas import json_schema
from tests.raftctl.folders import make
from tests.raftctl.schema import violations


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a cluster to which nothing was done yet."""
    monkeypatch.setenv("RAFTCTL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return make(tmp_path / "home")


def run(line: str) -> int:
    return int(cli._run(line.split()))


def kill(folder: Path, node: int, ago: float) -> None:
    """It was killed so many seconds ago."""
    line = ("kill", "any")
    resolved = ("kill", f"n{node}")
    entry = Entry(time.time() - ago, line, "cli", 0, resolved, True, (node,), members=(1, 2, 3))
    append(folder, entry)


def killed(path: str) -> list[str]:
    return [str(step.action) for step in read_scenario(Path(path)).steps]


def test_nothing_done_is_an_error_that_says_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("chaos record mine.toml") == Exit.NOT_FOUND
    said = capsys.readouterr().err
    assert "error[E_NO_ACTIONS]: nothing was done to demo that a scenario could do again" in said
    assert "hint:  raftctl kill leader, raftctl start all, and then this" in said
    append(folder, Entry(1.0, ("recover", "n1"), "cli", 0, changed=True))
    assert run("chaos record mine.toml") == Exit.NOT_FOUND
    assert "left out: recover n1: recover is nothing that a scenario does" in (
        capsys.readouterr().err
    )
    assert not Path("mine.toml").exists()


def test_the_last_lines_or_those_since_a_time(folder: Path) -> None:
    for node, ago in ((1, 7200.0), (2, 300.0), (3, 60.0)):
        kill(folder, node, ago)
    for number, (options, nodes) in enumerate({
        "": "123", "--since 10m": "23", "--last 1": "3", "--since 2h1s --last 2": "23",
        "--since 2026-01-01T00:00:00Z": "123", "--since 2020-01-01": "123",
    }.items()):  # fmt: skip
        assert run(f"chaos record {number}.toml --resolved {options}") == Exit.OK
        assert killed(f"{number}.toml") == [f"kill n{node}" for node in nodes]
    assert run("chaos record late.toml --since 2999-01-01T00:00:00Z") == Exit.NOT_FOUND
    assert run("chaos record bad.toml --since never") == Exit.USAGE
    assert run("chaos record bad.toml --since 2026-99-99") == Exit.USAGE


def test_it_is_written_once_and_called_as_its_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kill(folder, 1, 60)
    kill(folder, 2, 50)
    assert run("chaos record strange+name.toml") == Exit.OK
    said = capsys.readouterr()
    assert said.out == "strange+name.toml: 2 steps, 17s\n"
    assert "Next: raftctl chaos run strange+name.toml --sim" in said.err
    assert killed("strange+name.toml") == ["kill any", "kill any"]
    assert read_scenario(Path("strange+name.toml")).name == "strange-name"
    assert run("chaos record strange+name.toml") == Exit.PRECONDITION
    assert "error[E_EXISTS]" in capsys.readouterr().err


def test_without_a_file_it_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kill(folder, 1, 60)
    assert run("chaos record -q --resolved") == Exit.OK
    shown = capsys.readouterr().out
    assert shown.startswith("format = 1\n")
    assert 'do = "kill n1"' in shown
    assert run("chaos record -o json") == Exit.OK
    document = json.loads(capsys.readouterr().out)
    assert violations(document, json_schema("chaos-record")) == []
    assert (document["name"], document["steps"], document["nodes"]) == ("recorded", 1, 3)


def test_what_is_too_long_says_how_to_take_less(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kill(folder, 1, 200_000)
    kill(folder, 2, 10)
    assert run("chaos record mine.toml") == Exit.USAGE
    assert "hint:  --since 10m, --last 20" in capsys.readouterr().err
    assert run("chaos record mine.toml --last 1") == Exit.OK
