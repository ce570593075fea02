"""The options of every verb: where they come from, and what is refused."""

from pathlib import Path

import pytest

from node.scenario.tomllines import line_of
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings, make_settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, without settings from anywhere else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("CLUSTER", "OUTPUT", "TIMEOUT", "HOME", "YES"):
        monkeypatch.delenv(f"RAFTCTL_{name}", raising=False)
    return tmp_path


def settings(timeout: str | None = None) -> Settings:
    return make_settings(
        None, None, timeout, None, quiet=False, verbose=False, no_color=False, ascii_only=False,
        yes=False,
    )  # fmt: skip


def test_timeout_is_more_than_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings("1m30s").timeout == 90
    for text in ("0", "0s", "0ms"):
        with pytest.raises(CliError, match="more than 0") as caught:
            settings(text)
        assert caught.value.exit_code == Exit.USAGE
    monkeypatch.setenv("RAFTCTL_TIMEOUT", "0s")
    with pytest.raises(CliError, match="more than 0"):
        settings()


@pytest.mark.parametrize(
    ("text", "means"),
    [("1", True), ("TRUE", True), ("Yes", True), ("on", True)]
    + [(no, False) for no in ("", "0", "false", "no", "off", "nope")],
)
def test_yes_of_the_environment_is_a_yes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, means: bool
) -> None:
    monkeypatch.setenv("RAFTCTL_YES", text)
    assert settings().yes is means


def test_settings_file_is_read(folder: Path) -> None:
    (folder / "raftctl.toml").write_text('cluster = "shop"\ntimeout = 2.5\noutput = "json"\n')
    found = settings()
    assert (found.cluster, found.timeout, found.output.mode) == ("shop", 2.5, "json")


@pytest.mark.parametrize(
    ("data", "says", "hint"),
    [
        (b"cluster = 'caf\xe9'\n", "is not UTF-8", ""),
        (b"# mine\noutputs = 'json'\n", "raftctl.toml:2: unknown key outputs", "mean output?"),
        (b"zebra = 1\n", "raftctl.toml:1: unknown key zebra", "cluster, output, timeout, home"),
        (b"\n\ncluster = 5\n", "raftctl.toml:3: cluster has to be a text, not 5", "cluster ="),
        (b"timeout = true\n", "raftctl.toml:1: timeout has to be a text, not True", '"10s"'),
        (b"[home]\npath = 'x'\n", "raftctl.toml:1: home has to be a text", "home ="),
        (b"cluster =\n", "at line 1", ""),
    ],
)
def test_wrong_settings_file_names_the_line(
    folder: Path, data: bytes, says: str, hint: str
) -> None:
    (folder / "raftctl.toml").write_bytes(data)
    with pytest.raises(CliError) as caught:
        settings()
    assert (caught.value.code, caught.value.exit_code) == ("E_CONFIG", Exit.USAGE)
    assert says in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("a = 1\n\n[raft]\nx = 1\n", "raft.x", 4),
        ("raft.x = 1\n", "raft.x", 1),
        ("\n\"raft\" . 'x' = 1\n", "raft.x", 2),
        ('["raft"]\n"x" = 1\n', "raft.x", 2),
        ("raft = { y = 2, x = 1 }\n", "raft.x", 1),
        ("[ raft ]\n# x = 1\nxx = 1\nx = 1\n", "raft.x", 4),
        ("[cluster]\nx = 1\n[raft]\ny = 1\n", "raft.x", None),
        ("[cluster]\nx = 1\n[raft]\ny = 1\n", "raft", 3),
        ("raft.y = 1\n", "raft", 1),
        ("[[raft]]\n", "raft", 1),
        ("[[step]]\nx = 1\n[other]\nx = 2\n[[step]]\nx = 3\n", "step.1.x", 6),
        ("[[step]]\nx = 1\n[[step]]\n", "step.1", 3),
        ("[[step]]\n[[step.on]]\n[[step.on]]\n", "step.1", None),
        ('a = """\n[raft]\nx = 1\n"""\n[raft]\nx = 2\n', "raft.x", 6),
        ("a = '''[raft]'''\n[raft]\nx = 2\n", "raft.x", 3),
    ],
)
def test_line_of_a_key(text: str, key: str, line: int | None) -> None:
    assert line_of(text, key) == line
