"""The entry point: how a command line begins, and every way in which it ends badly."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from raftctl import cli
from raftctl.documents import KINDS
from raftctl.exit_codes import Exit
from raftctl.settings import output_for_errors
from tests.measure.commands import PROJECT, RAFTCTL


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder and an empty home; no settings from anywhere else."""
    for name in [name for name in os.environ if name.startswith("RAFTCTL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAFTCTL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line: str) -> int:
    return int(cli._run(line.split()))


def shell(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", f'alias raftctl="{RAFTCTL}"\n{script}'], capture_output=True, text=True,
        timeout=30,
    )  # fmt: skip


@pytest.mark.parametrize("line", ["--version", "version", "-q --version", "--version status"])
def test_version(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line) == 0
    assert capsys.readouterr().out.startswith("raftctl 0.")


@pytest.mark.parametrize("line", ["--version -o json", "-ojson --version", "-o json version"])
def test_version_as_a_document(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "raftctl.version/v1"


@pytest.mark.parametrize(
    ("line", "same"),
    [
        ("help", "--help"),
        ("help status", "status --help"),
        ("help log show", "log show --help"),
        ("help log", "log --help"),
        ("log", "log --help"),
        ("config", "config --help"),
    ],
)
def test_help_of_a_verb(line: str, same: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line) == 0
    shown = capsys.readouterr().out
    assert "Usage: raftctl" in shown
    assert run(same) == 0
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("line", ["help nothing", "help log nothing", "-q", "nothing", "log -q"])
def test_no_verb_of_ours_is_a_usage_error(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line) == Exit.USAGE
    assert "error[E_USAGE]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "mode"),
    [
        (["kill", "x"], "text"),
        (["kill", "-o", "json"], "json"),
        (["-ojsonl", "kill"], "jsonl"),
        (["kill", "--output=wide"], "wide"),
        (["kill", "-qvo", "json"], "json"),
        (["-o", "json", "kill", "-o", "wide"], "wide"),
        (["put", "k", "--", "-o", "json"], "text"),
        (["kill", "-o", "nothing"], "text"),
        (["kill", "-o"], "text"),
        (["-cfoo", "kill"], "text"),
    ],
)
def test_errors_take_the_form_that_flags_ask_for(words: list[str], mode: str) -> None:
    assert output_for_errors(words).mode == mode


def test_errors_take_the_form_of_environment_and_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "raftctl.toml").write_text('output = "json"\n')
    assert run("kill") == Exit.USAGE
    assert json.loads(capsys.readouterr().err)["code"] == "E_USAGE"
    monkeypatch.setenv("RAFTCTL_OUTPUT", "wide")
    assert output_for_errors([]).mode == "wide"
    monkeypatch.delenv("RAFTCTL_OUTPUT")
    (folder / "raftctl.toml").write_text("what = 1\n")
    assert run("kill n1") == Exit.USAGE
    assert "error[E_CONFIG]" in capsys.readouterr().err


def test_errors_keep_their_color_to_themselves_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert output_for_errors(["kill"]).color
    assert not output_for_errors(["kill", "n1", "--no-color"]).color
    plain = output_for_errors(["-vq", "kill", "--ascii"])
    assert (plain.verbose, plain.quiet, plain.ascii_only) == (True, True, True)


@pytest.mark.parametrize(
    "line",
    [
        "partition leader --for 0s",
        "partition leader --as all",
        "net --link 1:2 --latency 100",
        "net --link 1:2 --rate 1000GB",
        "net --link 1:2 --drop 1% --only Heartbeat",
        "net --link 1:2 --drop 1% --for 20000d",
        "ls --timeout 0s",
    ],
)
def test_values_are_refused_before_a_cluster_is_looked_for(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(line) == Exit.USAGE
    assert "error[E_USAGE]" in capsys.readouterr().err


def test_what_the_system_refuses_is_one_error_with_the_path(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> list[Path]:
        raise PermissionError(13, "Permission denied", "/srv/settings")

    monkeypatch.setattr("raftctl.settings.config_paths", refuse)
    assert run("ls") == Exit.UNEXPECTED
    assert capsys.readouterr().err == (
        "error[E_IO]: Permission denied: /srv/settings\n"
        "hint:  ls -ld /srv/settings: who may write there  [exit 1]\n"
    )


def test_closed_streams_are_no_traceback() -> None:
    for streams in (">&-", ">&- 2>&- <&-"):
        done = shell(f"raftctl ls {streams}")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert shell("raftctl prune -q <&-").returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("line", ["version", "--help", "schema status"])
def test_full_disk_under_stdout_is_said_once(line: str) -> None:
    done = shell(f"raftctl {line} > /dev/full")
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first.startswith("error[E_IO]: No space left on device")
    assert "df -h" in second


def test_reader_that_leaves_is_no_error_to_speak_of() -> None:
    assert shell("raftctl schema status | true").stderr == ""


def test_python_m_runs_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "raftctl", "schema"], capture_output=True, text=True, timeout=30
    )
    assert done.stdout.splitlines() == sorted(KINDS)


def test_interrupt_during_the_imports_ends_without_a_traceback(folder: Path) -> None:
    (folder / "typer.py").write_text("import sys\nprint('busy', flush=True)\nsys.stdin.read()\n")
    env = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{PROJECT}"}
    with subprocess.Popen(
        [str(RAFTCTL), "ls"], env=env, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert child.stdout.readline() == "busy\n"
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=30)
    assert (child.returncode, errors) == (-signal.SIGINT, "")
