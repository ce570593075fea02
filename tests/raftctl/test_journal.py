"""What was done to a cluster is written down: by whom, how it ended, and whom it met."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from node.scenario.errors import ScenarioError
from node.scenario.lines import VERBS, parse_line
from raftctl import cli
from raftctl.cluster import acting, journal
from raftctl.cluster.journal import ASIDE, NAME, Entry, append, read
from raftctl.cluster.noting import WHOLE_CLUSTER, noted
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.memberdocs import Transfer
from raftctl.nodedocs import Action, Target
from raftctl.selectors import resolve
from raftctl.statusdocs import Status
from raftctl.verbs import CHANGING
from tests.raftctl.clusters import status
from tests.raftctl.folders import make, settings_of

KILL = ("kill", "leader")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a cluster `demo` of three nodes, none of which runs."""
    for name in [name for name in os.environ if name.startswith("RAFTCTL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAFTCTL_HOME", str(tmp_path))
    make(tmp_path)
    return tmp_path


def run(line: str) -> int:
    return int(cli._run(line.split()))


def entries(home: Path) -> list[Entry]:
    return read(home / "clusters" / "demo")


# -- the file --------------------------------------------------------------------------------------
def test_what_is_appended_is_read_by_time_and_is_its_owner_s_alone(tmp_path: Path) -> None:
    late = Entry(2.0, KILL, "tui", 0, ("kill", "n1"), True, (1,), members=(1, 2, 3))
    early = Entry(1.0, ("heal",), "cli", 0, (), True, fault=None, healed=(4,))
    append(tmp_path, late)
    append(tmp_path, early)
    assert read(tmp_path) == [early, late]
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_a_full_file_is_put_aside_and_both_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "BYTES_MAX", 1000)
    for number in range(50):
        append(tmp_path, Entry(float(number), KILL, "cli", 0))
    assert max(each.stat().st_size for each in tmp_path.iterdir()) < 1500
    assert {each.name for each in tmp_path.iterdir()} <= {NAME, ASIDE}
    found = [entry.at for entry in read(tmp_path)]
    assert found == [float(number) for number in range(50 - len(found), 50)]
    assert len(found) >= 4


def test_damage_and_other_versions_are_passed_over(tmp_path: Path) -> None:
    append(tmp_path, Entry(1.0, KILL, "cli", 0))
    path = tmp_path / NAME
    whole = path.read_text()
    strange = json.dumps(json.loads(whole) | {"schema": "raftctl.done/v2"})
    path.write_text(f"{whole[:20]}\n[]\n\n{strange}\n{whole}")
    assert [entry.at for entry in read(tmp_path)] == [1.0]


# -- what is noted ---------------------------------------------------------------------------------
def test_all_that_a_scenario_does_is_noted() -> None:
    assert set(VERBS) <= CHANGING


def test_a_line_is_noted_as_typed_without_what_every_verb_knows(home: Path) -> None:
    assert run("-c demo kill n1 n2 --signal TERM -q --timeout 5s") == Exit.OK
    assert run("partition n7 --as cut --for 3s") == Exit.NOT_FOUND
    killed, cut = entries(home)
    assert killed.line == ("kill", "n1", "n2", "--signal", "TERM")
    assert (killed.exit, killed.changed, killed.by) == (0, False, "cli"), "they did not run"
    assert killed.members == (1, 2, 3)
    assert cut.line == ("partition", "n7", "--for", "3s", "--as", "cut")
    assert (cut.exit, cut.resolved) == (Exit.NOT_FOUND, ())


def test_a_fault_is_noted_with_its_number_and_so_is_its_end(home: Path) -> None:
    run("partition n1 / rest --as cut")
    run("net --link n1:n2 --link n2:not:n2 --drop 5%")
    run("heal n2:n1")
    run("heal cut")
    cut, slow, eased, healed = entries(home)
    assert (cut.fault, cut.resolved) == (1, ("partition", "n1", "/", "n2,n3"))
    assert slow.line == ("net", "--link", "n1:n2", "--link", "n2:not:n2", "--drop", "5%")
    assert slow.resolved[:7] == ("net", "--link", "n1:n2", "--link", "n2:n1", "--link", "n2:n3")
    assert (eased.eased, eased.healed) == ((1, 2), ())
    assert healed.healed == (1,)


@pytest.mark.parametrize(
    "line", ["status", "faults", "net show", "snapshot auto", "up --dry-run", "logs", "kill --help"]
)
def test_who_only_looks_is_not_noted(home: Path, line: str) -> None:
    run(line)
    assert entries(home) == []


@pytest.mark.parametrize(("by", "noted_as"), [("tui", "tui"), ("chaos", "chaos"), ("x", "cli")])
def test_who_typed_it_is_noted(
    home: Path, monkeypatch: pytest.MonkeyPatch, by: str, noted_as: str
) -> None:
    monkeypatch.setenv("RAFTCTL_BY", by)
    run("heal")
    assert [entry.by for entry in entries(home)] == [noted_as]


def test_a_journal_that_cannot_be_written_stops_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "clusters" / "demo" / NAME).mkdir()
    assert run("partition n1") == Exit.OK
    assert "warning: not noted for raftctl chaos record: Is a directory" in capsys.readouterr().err


def test_a_purge_takes_the_journal_with_it(home: Path) -> None:
    run("heal")
    append(home / "clusters" / "demo", Entry(1.0, KILL, "cli", 0))
    (home / "clusters" / "demo" / NAME).rename(home / "clusters" / "demo" / ASIDE)
    run("heal")
    assert run("down --purge -y") == Exit.OK
    assert not (home / "clusters" / "demo").exists()


def doing(home: Path, line: tuple[str, ...], document: object, seen: Status) -> Entry:
    """What is noted of a line that looked at nodes in such a status, and showed this."""
    settings = settings_of(home)

    def act() -> int:
        resolve([line[-1] if len(line) > 1 else "all"], seen)
        settings.output.show(document, list)
        return Exit.OK

    noted(settings, line, act)
    return entries(home)[-1]


def test_selectors_are_noted_as_typed_and_as_what_they_meant(home: Path) -> None:
    targets = [Target("n2", True, "killed", True), Target("n1", True, "does not run", False)]
    killed = doing(home, KILL, Action("kill", targets, None, None), status(3))
    assert (killed.line, killed.resolved) == (KILL, ("kill", "n2"))
    assert (killed.nodes, killed.changed) == ((2,), True)


def test_who_leads_after_a_transfer_is_noted(home: Path) -> None:
    moved = doing(home, ("transfer",), Transfer("n3", "n2", 4, 10), status(3))
    assert (moved.resolved, moved.changed) == (("transfer", "n3"), True)
    stayed = doing(home, ("transfer", "n2"), Transfer("n2", "n2", 4, 10), status(3))
    assert not stayed.changed


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CliError("E_X", "no", Exit.TIMED_OUT), 4),
        (KeyboardInterrupt(), 130),
        (SystemExit(143), 143),
    ],
)
def test_how_it_ended_is_noted(
    home: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def fail(*_: Any) -> int:
        raise error

    monkeypatch.setattr(acting, "act_on_each", fail)
    assert run("kill n1") == code
    assert [(entry.line, entry.exit) for entry in entries(home)] == [(("kill", "n1"), code)]


@pytest.mark.parametrize("verb", WHOLE_CLUSTER)
def test_verbs_of_the_whole_cluster_are_no_lines_of_a_scenario(verb: str) -> None:
    with pytest.raises(ScenarioError, match=f"{verb} is nothing that a scenario does"):
        parse_line(f"{verb} n1")
