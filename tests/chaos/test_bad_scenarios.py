"""What `chaos run` says of a scenario that cannot be meant, or that meant nobody."""

import json
from pathlib import Path

import pytest

from raftctl import cli
from raftctl.exit_codes import Exit

STEP = '[[step]]\nwhen = "5s"\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAFTCTL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line: str) -> int:
    return int(cli._run(line.split()))


@pytest.mark.parametrize("mode", ["--live", "--sim"])
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nods = 3", "bad.toml:1: unknown key nods"),
        ("seed = 1\nnodes = '3'", "bad.toml:2: nodes has to be a whole number, not '3'"),
        ("nodes = 3\nseed = = 1", "bad.toml:2: it is no TOML: Invalid value"),
        ("nodes = [", "bad.toml:1: it is no TOML: Invalid value"),
        (f"{STEP}doo = 'kill n1'", "bad.toml:3: step 1: unknown key doo"),
        ("[[step]]\nwhen = 5", "bad.toml:1: step 1 has no do"),
        ("[[step]]\nwhen = 5\ndo = 'kill n1'", "bad.toml:2: step 1: when has to be a text"),
        (f"{STEP}do = ['kill', 'n1']", "bad.toml:3: step 1: do has to be a text"),
        (f"{STEP}do = 'kil n1'", "bad.toml:3: step 1: do: kil is nothing that a scenario does"),
        (f"{STEP}do = 'kill n9'", "bad.toml:3: step 1: do: the cluster has no node n9"),
        (f"{STEP}do = 'kill boss'", "bad.toml:3: step 1: do: 'boss' selects nothing"),
        (f"duration = '4s'\n{STEP}do = 'kill n1'", "bad.toml:3: step 1: when: it comes at 5s"),
        (f"{STEP}do = 'kill n1'\nfor = '1h'", "bad.toml:4: step 1: for: it would last until"),
        ("[expect]\ninvariants = ['no_such']", "bad.toml:2: expect.invariants: there is no"),
        ("[sim]\nqueue = 64", "bad.toml:2: sim: there is no option queue"),
        ("[sim]\nkeys = 'x'", "bad.toml:2: sim: keys has to be like"),
    ],
)
def test_file_and_line_of_what_is_wrong_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, says: str, mode: str
) -> None:
    (folder / "bad.toml").write_text(text)
    assert run(f"chaos run bad.toml {mode}") == Exit.USAGE
    assert f"error[E_CONFIG]: {says}" in capsys.readouterr().err
    assert not (folder / "home" / "runs").exists()


def test_a_file_that_is_not_there_ends_with_9(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("chaos run none.toml") == Exit.NOT_FOUND
    assert "error[E_NO_FILE]: there is no file none.toml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ('when = "2s"\ndo = "kill lagging"', "kill lagging: it means nobody now"),
        ('when = "leader-change"\ndo = "kill n1"', "was never carried out"),
    ],
)
def test_a_step_that_met_nobody_leaves_no_verdict(
    folder: Path, capsys: pytest.CaptureFixture[str], step: str, says: str
) -> None:
    (folder / "vain.toml").write_text(f'duration = "5s"\n[[step]]\n{step}\n')
    assert run("chaos run vain.toml --sim -q") == Exit.INCONCLUSIVE
    said = capsys.readouterr().err
    assert "error[E_VACUOUS]" in said
    check = json.loads((folder / "home/runs/latest/result.json").read_text())["checks"][3]
    assert check["text"].count(step.partition('do = "')[2].rstrip('"')) == 1
    assert says in said
