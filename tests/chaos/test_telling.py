"""What a run says while it goes on: seconds as probes saw them, lines for people, documents."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from raftctl.chaos.folders import RunFolder
from raftctl.chaos.planned import plan_of
from raftctl.chaos.presets import find_scenario
from raftctl.chaos.probes import Probe
from raftctl.chaos.seconds import Seconds
from raftctl.chaos.telling import Documents, Lines, sparkline
from raftctl.output import Output
from raftctl.progressdocs import ChaosSecond, ChaosStep, ChaosUse
from raftctl.schemas import json_schema
from tests.chaos.runs import S, probes
from tests.raftctl.schema import violations

FOLDER = RunFolder(Path("runs/20261128T000000-x-1"))


def shares(found: Sequence[Probe], until: int) -> tuple[list[float], Seconds]:
    """Of writes, told every tenth of a second until then."""
    seconds, told = Seconds(), []
    for tenth in range(1, until * 10 + 1):
        now = tenth * S // 10
        end = seconds.due([each for each in found if each.ended <= now], now)
        if end is not None:
            told.append(seconds.lanes["write"].share(end - S, end, now))
    return told, seconds


def test_a_second_without_answers_was_none() -> None:
    told, seconds = shares(probes("write", (2.0, 4.0), until=8.0), 7)
    assert told[:2] == [1, pytest.approx(0.952, abs=0.01)]
    assert told[2] == 0
    assert told[3] == pytest.approx(0, abs=0.01)
    assert told[4:] == [pytest.approx(1, abs=0.01), 1]
    assert seconds.lanes["write"].longest_ms(7 * S) == pytest.approx(2050, abs=5)


def test_a_gap_that_goes_on_counts_before_it_ends() -> None:
    told, seconds = shares(probes("write", (1.9, 9.0), until=9.0), 4)
    assert told == [1, pytest.approx(0.85, abs=0.01), 0]
    assert seconds.lanes["write"].longest_ms(4 * S) == pytest.approx(2148, abs=5)


def test_a_second_is_not_told_before_it_is_known() -> None:
    seconds = Seconds()
    assert seconds.due([], S + 100_000_000) is None
    assert seconds.due([], S + 160_000_000) == S
    assert seconds.due([], S + 170_000_000) is None


def test_a_plan_has_what_will_be_done_and_looked_at() -> None:
    scenario = find_scenario("leader-in-minority")
    plan = plan_of(scenario, "live", FOLDER, 5)
    assert [step.step for step in plan.steps] == list(range(1, len(scenario.steps) + 1))
    assert (plan.steps[0].name, plan.steps[0].lasts_ms) == ("cut", 6000)
    assert "one_leader_per_term" in plan.rules
    assert plan.at_end[0] == "linearizable"
    assert "budget cut" in plan.at_end


def second(share: float) -> ChaosSecond:
    use = ChaosUse(share, 2_050.4)
    return ChaosSecond(3000.0, use, use, 120, 3, 1, 2, 99, [], [])


def output(mode: str) -> Output:
    return Output(mode, False, False, False, False)


def test_documents_are_lines_that_fit_their_schema(capsys: pytest.CaptureFixture[str]) -> None:
    tell = Documents(output("jsonl"))
    tell(ChaosStep(12.5, 1, "begun", "kill leader", "kill n1", True, ""))
    tell(second(0.5))
    step, told = map(json.loads, capsys.readouterr().out.splitlines())
    assert violations(step, json_schema("chaos-step")) == []
    assert violations(told, json_schema("chaos-second")) == []
    assert told["write"] == {"share": 0.5, "gap_ms": 2050.4}


def test_people_see_lines_and_on_a_terminal_how_it_went(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tell = Lines(output("text"))
    tell(plan_of(find_scenario("smoke"), "live", FOLDER, 3))
    tell(ChaosStep(12.5, 1, "begun", "kill leader", "kill n1", True, "n1 does not run"))
    tell(second(1.0))
    piped = capsys.readouterr().err
    assert "   0.01  kill n1" in piped
    assert "n1 does not run" in piped
    assert "█" not in piped
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(sys.stderr, "fileno", lambda: 2)
    monkeypatch.setattr("os.get_terminal_size", lambda _: os.terminal_size((99, 9)))
    tell(second(0.0))
    shown = capsys.readouterr().err
    assert "3 of 10s  writes █▁ 50% gap 2050ms  reads █▁ 50% gap 2050ms  rules hold" in shown


def test_shares_are_drawn_from_none_to_all() -> None:
    assert sparkline([0, 0.5, 1], ascii_only=False) == "▁▅█"
    assert sparkline([0, 0.5, 1], ascii_only=True) == "_=#"
