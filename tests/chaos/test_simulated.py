"""The scenarios that ship, in virtual time: all hold, twice the same, and not with a bug inside."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from node.verify.told import Told
from node.wire.messages import Keyframe
from node.wire.recording import read_recording
from raftctl.chaos.folders import RunFolder
from raftctl.chaos.presets import find_scenario, preset_names
from raftctl.chaos.shrinking import shrunk
from raftctl.chaos.simulated import run_sim
from raftctl.chaos.telling import Lines
from raftctl.chaosdocs import ChaosRun
from raftctl.errors import CliError
from raftctl.output import Output
from raftctl.progressdocs import ChaosPlan, ChaosProgress
from raftctl.scenariofile import read_scenario
from raftctl.settings import Settings, make_settings
from tests.mutants.catalogue import MUTANTS
from tests.mutants.planting import planted


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(
        None, None, None, tmp_path, quiet=True, verbose=False, no_color=True, ascii_only=False,
        yes=False,
    )  # fmt: skip


def simulated(settings: Settings, name: str, *changes: str) -> ChaosRun:
    return run_sim(settings, find_scenario(name, changes), "again", Lines(settings.output))


@pytest.mark.parametrize("name", preset_names())
def test_scenario_that_ships_holds(settings: Settings, name: str) -> None:
    run = simulated(settings, name)
    assert (run.verdict, run.mode) == ("ok", "sim")
    assert all(not fault.why_not and fault.resolved for fault in run.faults)
    assert run.operations["ok"] > 300
    folder = RunFolder(Path(run.folder))
    assert folder.history.read_text().count('"type":"invoke"') >= run.operations["ok"]
    assert folder.metrics.is_file()


def test_a_simulation_tells_its_plan(settings: Settings) -> None:
    told: list[ChaosProgress] = []
    run = run_sim(settings, find_scenario("smoke"), "again", told.append)
    (plan,) = told
    assert isinstance(plan, ChaosPlan)
    assert (plan.mode, plan.run, len(plan.steps)) == ("sim", run.run, len(run.faults))
    assert "logs" not in plan.at_end
    assert "logs" not in {each.name for each in run.checks}, "nobody looked at a disk"


def test_same_seed_is_the_same_history_and_another_seed_another(settings: Settings) -> None:
    texts = [
        RunFolder(Path(simulated(settings, "smoke", f"seed={seed}").folder)).history.read_text()
        for seed in (3, 3, 4)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_history_tells_all_that_became_of_each_process(settings: Settings) -> None:
    folder = RunFolder(Path(simulated(settings, "power-cut").folder))
    under_way: set[str] = set()
    for line in folder.history.read_text().splitlines()[1:]:
        process = line.partition(",")[0]
        if '"type":"invoke"' in line:
            assert process not in under_way
            under_way.add(process)
        else:
            under_way.remove(process)


def test_what_the_nodes_told_is_written_as_that_of_real_ones(settings: Settings) -> None:
    run = simulated(settings, "smoke")
    folder = RunFolder(Path(run.folder))
    records = [json.loads(line) for line in folder.raft.read_text().splitlines()]
    assert all(each["time"] == each["at"] for each in records)
    assert {each["node"] for each in records} == {1, 2, 3}
    assert {"state", "leader", "vote"} <= {each["kind"] for each in records}
    again = Told()
    for each in records:
        again.take(each)
    led = [each["term"] for each in records if each["kind"] == "leader"]
    assert len(set(led)) == again.terms == len(run.leaders)
    assert again.committed > run.operations["ok"] / 2
    assert ">follower</" in folder.report.read_text()  # the lanes of nodes


def test_fault_of_links_names_its_nodes(settings: Settings) -> None:
    run = simulated(
        settings, "smoke", "expect={}", 'step=[{when="2s", do="partition leader / rest", for="2s"}]'
    )
    (fault,) = run.faults
    assert fault.resolved == f"partition {fault.nodes[0]} / " + ",".join(
        name for name in ("n1", "n2", "n3") if name != fault.nodes[0]
    )


def test_run_that_ends_with_a_wipe_has_its_verdict_by_the_others(settings: Settings) -> None:
    run = simulated(settings, "smoke", "expect={}", 'step=[{when="3s", do="wipe n3"}]')
    checks = {each.name: each for each in run.checks}
    assert run.verdict == "ok"
    assert checks["converged"].text.endswith("all but n3, which a step wiped or damaged")


def test_refusal_of_damaged_data_is_told_as_what_the_step_showed(settings: Settings) -> None:
    steps = [("2s", "kill n3"), ("3s", "disk n3 --rot"), ("4s", "start n3")]
    lines = ", ".join(f'{{when="{when}", do="{line}"}}' for when, line in steps)
    run = simulated(settings, "smoke", "expect={}", f"step=[{lines}]")
    checks = {each.name: each for each in run.checks}
    assert run.verdict == "ok"
    assert run.faults[2].refused.startswith("n3 refused to start: ")
    assert checks["faults"].text.endswith(f"; rightly, {run.faults[2].refused}")
    assert run.faults[2].refused in RunFolder(Path(run.folder)).report.read_text()


def test_staggered_restart_stops_one_after_the_other(settings: Settings) -> None:
    run = simulated(
        settings, "smoke", "expect={}", 'step=[{when="3s", do="restart all --stagger 2s"}]'
    )
    folder = RunFolder(Path(run.folder))
    with folder.recording.open("rb") as file:
        frames = [each for each in read_recording(file) if isinstance(each, Keyframe)]
    starts: dict[int, float] = {}
    for frame in frames:
        if frame.boot == 2:
            starts.setdefault(frame.id, frame.mono_ns / 1e9)
    assert sorted(starts) == [1, 2, 3]
    assert [round(at) for at in starts.values()] == [3, 5, 7]
    assert run.verdict == "ok"


def test_option_that_no_simulation_looks_at_is_said(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    told = replace(settings, output=Output("text", False, False, False, False))
    simulated(told, "smoke", "expect={}", 'step=[{when="1s", do="kill n1 --signal TERM"}]')
    assert "not looked at in a simulation: kill --signal" in capsys.readouterr().err


def test_bug_in_the_nodes_is_found(settings: Settings) -> None:
    assert "linearizable_read_as_stale" in MUTANTS
    with planted("linearizable_read_as_stale"):
        run = simulated(settings, "leader-in-minority")
    assert run.verdict == "failed"
    assert "reads_are_confirmed" in run.text


def test_what_broke_a_run_off_is_the_verdict_and_not_what_came_of_that(settings: Settings) -> None:
    with planted("vote_forgotten_over_a_restart"):
        run = simulated(settings, "power-cut")
    assert run.text.startswith("simulation: ")
    assert {check.verdict for check in run.checks if check.name.startswith("budget")} != {"failed"}


def test_step_that_changes_nothing_leaves_no_verdict(settings: Settings) -> None:
    run = simulated(settings, "smoke", "expect={}", 'step=[{when="1s", do="resume n1"}]')
    assert run.verdict == "inconclusive"


def test_world_that_cannot_be_simulated_is_refused(settings: Settings) -> None:
    with pytest.raises(CliError, match="lease_reads") as caught:
        simulated(settings, "smoke", "expect={}", 'step=[{when="1s", do="clock n1 --rate 3"}]',
                  "sim={lease_reads=true}")  # fmt: skip
    assert caught.value.exit_code == 2


def test_plan_of_a_run_that_broke_off_can_be_run_again(settings: Settings) -> None:
    with planted("linearizable_read_as_stale"):
        run = simulated(settings, "leader-in-minority")
        plan = RunFolder(Path(run.folder)).plan
        again = run_sim(settings, read_scenario(plan), "again", Lines(settings.output))
    assert again.text == run.text


def test_failed_run_is_made_small(settings: Settings) -> None:
    told: list[str] = []
    with planted("linearizable_read_as_stale"):
        found = shrunk(
            find_scenario("leader-in-minority"),
            lambda scenario: run_sim(settings, scenario, "again", Lines(settings.output)),
            told.append,
            20,
        )
    assert found is not None
    assert found.check.name in ("simulation", "linearizable")
    assert len(found.scenario.steps) <= 2
    assert told


def test_run_that_does_not_fail_is_not_made_small(settings: Settings) -> None:
    scenario = find_scenario("smoke")
    again = partial(run_sim, settings, again="again", tell=Lines(settings.output))
    assert shrunk(scenario, again, print, 20) is None
