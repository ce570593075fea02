"""sim: seeds, replays and their verdicts, as a user or a CI job meets them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from node.scenario.parsing import parse
from node.scenario.writing import write
from node.sim.planning import plan
from node.sim.simulation import Result, simulate
from raftctl.commands import sim
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.schemas import json_schema
from raftctl.simdocs import SimRun
from raftctl.simulating.plans import read_plan
from raftctl.simulating.seeds import document_of, read_seeds
from tests.measure.commands import Raftctl
from tests.mutants.catalogue import MUTANTS
from tests.mutants.planting import planted
from tests.raftctl.schema import violations

ROOT = Path(__file__).resolve().parents[2]

CALM = """
name = "calm"
nodes = 3
duration = "3s"
[[step]]
when = "1s"
do = "{line}"
"""


def document(text: str, kind: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(text)
    assert violations(found, json_schema(kind)) == []
    return found


# -- run -------------------------------------------------------------------------------------------
def test_seeds_run_side_by_side_and_the_summary_says_what_they_met(raftctl: Raftctl) -> None:
    text = raftctl.run("sim", "run", "--seeds", "1..4", "--jobs", "2")
    assert "seeds       4 ok  0 failed  0 inconclusive" in text.stdout
    assert "never met: " in text.stdout
    assert "simulating seeds 1..4 in 2 processes" in text.stderr

    found = document(raftctl.run("sim", "run", "--seeds", "1..4", "-o", "json").stdout, "sim-run")
    assert (found["seeds"], found["ok"], found["problems"]) == (4, 4, [])


def test_order_of_ending_and_number_of_processes_change_nothing(raftctl: Raftctl) -> None:
    found = [
        json.loads(raftctl.run("sim", "run", "--seeds", "3..6", "--jobs", n, "-o", "json").stdout)
        for n in ("1", "2")
    ]
    for each in found:
        del each["wall_s"], each["events_per_s"]
    assert found[0] == found[1]


def test_situation_that_was_never_met_is_inconclusive_if_asked_for(raftctl: Raftctl) -> None:
    done = raftctl.run("sim", "run", "--seeds", "1", "--meet-all", check=False)
    assert done.returncode == Exit.INCONCLUSIVE
    assert "error[E_VACUOUS]: 1 seeds never met: " in done.stderr


@pytest.mark.parametrize(
    "text", ["", "x", "5..1", "-1", "1..2..3", "1..99999999999", "1.5", "1_0", "٣", "+1", " 1"]
)
def test_seeds_that_cannot_be_are_a_usage_error(text: str) -> None:
    with pytest.raises(CliError) as caught:
        read_seeds(text)
    assert (caught.value.exit_code, caught.value.code) == (Exit.USAGE, "E_USAGE")


def run_of(failed: int, inconclusive: int, seeds: int = 100) -> SimRun:
    verdicts = ["inconclusive"] * inconclusive + ["failed"] * failed
    problems = [
        document_of(Result(n, verdict, "d", 1, 2, invariant="a_rule", text="n1 lies"))  # type: ignore[arg-type]
        for n, verdict in enumerate(verdicts)
    ]
    ok = seeds - failed - inconclusive
    return SimRun(1, 100, seeds, ok, failed, inconclusive, 1, 1.0, 1.0, {}, {}, {}, problems)


@pytest.mark.parametrize(
    ("failed", "inconclusive", "exit_code"),
    [(0, 0, 0), (0, 5, 0), (0, 6, 10), (1, 0, 7), (1, 50, 7)],
)
def test_exit_code_says_failed_before_it_says_inconclusive(
    failed: int, inconclusive: int, exit_code: int
) -> None:
    if exit_code == 0:
        assert sim._verdict(run_of(failed, inconclusive), False) == Exit.OK
        return
    with pytest.raises(CliError) as caught:
        sim._verdict(run_of(failed, inconclusive), False)
    assert caught.value.exit_code == exit_code
    assert "raftctl sim replay" in caught.value.hint


def with_a_planted_bug(raftctl: Raftctl, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.mutants", "vote_not_synced", *command.split()],
        env=raftctl.env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_what_failed_is_told_once_and_what_a_single_seed_did_not_meet_is_not(
    raftctl: Raftctl,
) -> None:
    done = with_a_planted_bug(raftctl, "sim run --seeds 1..9 --first --jobs 1")
    assert done.returncode == Exit.CHECK_FAILED
    text = simulated(1)
    assert (done.stdout + done.stderr).count(text) == 1
    assert done.stdout.startswith(f"seed      1  failed        {text}\n")
    assert "after 1 of 9 seeds; seed 1: persist_before_reply" in done.stderr
    for absent in ("never met", "MET ", "DONE "):
        assert absent not in done.stdout


def simulated(seed: int) -> str:
    """What is wrong in the run of this seed with that bug."""
    assert "vote_not_synced" in MUTANTS
    with planted("vote_not_synced"):
        return simulate(plan(seed)).text


# -- replay ----------------------------------------------------------------------------------------
def test_replay_shows_each_transition_and_the_verdict(raftctl: Raftctl) -> None:
    lines = raftctl.run("sim", "replay", "7").stdout.splitlines()
    assert any(" leader " in line and "votes n" in line for line in lines)
    assert lines[-2] == "seed 7  ok"
    times = [float(line.split()[0]) for line in lines[:-2]]
    assert times == sorted(times)


def test_two_replays_are_the_same_byte_for_byte(raftctl: Raftctl) -> None:
    one, other = (raftctl.run("sim", "replay", "3", "-o", "jsonl").stdout for _ in range(2))
    assert one == other
    *lines, last = one.splitlines()
    assert all(json.loads(line).keys() == {"time_us", "node", "kind", "term", "data"}
               for line in lines)  # fmt: skip
    document(last, "sim-replay")


def test_plan_that_was_written_is_replayed(raftctl: Raftctl, tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(write(plan(5)))
    found = document(raftctl.run("sim", "replay", str(path), "-o", "json").stdout, "sim-replay")
    assert found["digest"] == simulate(plan(5)).digest


def test_plan_that_runs_otherwise_than_where_it_was_written_says_so(
    raftctl: Raftctl, tmp_path: Path
) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(CALM.format(line="kill n1"))
    ran = document(raftctl.run("sim", "replay", str(path), "-o", "json").stdout, "sim-replay")
    for digest, is_said in ((ran["digest"], False), ("0" * 32, True)):
        path.write_text(CALM.format(line="kill n1") + f'[sim]\ndigest = "{digest}"\n')
        done = raftctl.run("sim", "replay", str(path), "-q")
        assert ("another run than where the plan was written" in done.stdout) == is_said
        found = document(raftctl.run("sim", "replay", str(path), "-o", "json").stdout, "sim-replay")
        assert found["is_same_run"] is not is_said


def test_plan_of_another_version_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(CALM.format(line="kill n1") + "[sim]\nformat = 99\n")
    with pytest.raises(CliError, match=r"plan\.toml:9: format 99 is another version's"):
        read_plan(str(path))


def test_plan_that_breaks_off_is_refused(raftctl: Raftctl, tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    text = write(plan(5))
    path.write_text(text[: text.rindex("[[step]]")])
    done = raftctl.run("sim", "replay", str(path), check=False)
    assert (done.returncode, "the end of the file is missing" in done.stderr) == (Exit.USAGE, True)


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("nodes = 3\n[[step]]\nwhen = 1s\n", Exit.USAGE, "is no TOML"),
        (CALM.format(line="kill n9"), Exit.USAGE, "n9"),
        (CALM.format(line="kil n1"), Exit.USAGE, "did you mean kill?"),
        (CALM.format(line="kill n1") + "fro = 3\n", Exit.USAGE, "fro"),
        (CALM.format(line="kill n1") + "[sim]\nformat = 99\n", Exit.USAGE, "another version"),
        (CALM.format(line="kill n1") + "[sim]\ndigest = 1\n", Exit.USAGE, "digest has to be"),
        (CALM.format(line="kill n1") + "[sim]\nspeed = 1\n", Exit.USAGE, "no option speed"),
        (CALM.format(line="kill lagging"), Exit.INCONCLUSIVE, "nobody"),
        (CALM.format(line="resume n1"), Exit.INCONCLUSIVE, "step 1: resume n1: n1 was not paused"),
        (
            CALM.format(line="clock n1 --rate 2") + "[sim]\nlease_reads = true\n",
            Exit.USAGE,
            "lease_reads needs clocks that do not step and differ in rate by a tenth at most",
        ),
        (
            CALM.format(line="net --link all:all --drop 100% --only TimeoutNow"),
            Exit.INCONCLUSIVE,
            "net --link all:all --drop 100% --only TimeoutNow never took effect",
        ),
        ('[expect]\ninvariants = ["log_machting"]\n', Exit.USAGE, "no invariant log_machting"),
        ('[workload]\nkind = "bank"\n', Exit.USAGE, "usual for cas, not bank"),
        ("[workload]\nmix = { read = 1 }\n", Exit.USAGE, "usual for cas"),
    ],
)
def test_bad_plan_is_one_clear_error_and_never_passes(
    raftctl: Raftctl, tmp_path: Path, text: str, code: Exit, message: str
) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(text)
    done = raftctl.run("sim", "replay", str(path), check=False)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_what_no_simulation_looks_at_is_said(raftctl: Raftctl, tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(
        'duration = "2s"\n[workload]\nops-per-key = 7\n'
        '[expect]\nconverge-within = "1s"\nlinearizable = false\n'
    )
    done = raftctl.run("sim", "replay", str(path), "-q")
    names = ["expect.linearizable", "workload.ops-per-key", "expect.converge-within"]
    assert f"not looked at in a simulation: {', '.join(names)}\n" in done.stdout
    found = document(raftctl.run("sim", "replay", str(path), "-o", "json").stdout, "sim-replay")
    assert found["unheeded"] == names


def test_plan_without_invariants_proves_nothing_and_options_of_lines_that_do_nothing_are_said(
    raftctl: Raftctl, tmp_path: Path
) -> None:
    path = tmp_path / "plan.toml"
    lines = ("kill n1 --signal TERM", "members add --priority 0")
    steps = "".join(f'[[step]]\nwhen = "{n}s"\ndo = "{each}"\n' for n, each in enumerate(lines, 1))
    said = "kill --signal, members add --priority"
    for invariants in ('"none"', "[]"):
        path.write_text(f'duration = "4s"\n{steps}[expect]\ninvariants = {invariants}\n')
        done = raftctl.run("sim", "replay", str(path), "-q", check=False)
        assert f"not looked at in a simulation: {said}\n" in done.stdout
        assert done.returncode == Exit.INCONCLUSIVE
        assert "error[E_VACUOUS]: expect.invariants names no rule" in done.stderr


def test_what_is_no_plan_at_all_is_told(raftctl: Raftctl, tmp_path: Path) -> None:
    done = raftctl.run("sim", "replay", str(tmp_path / "none.toml"), check=False)
    assert (done.returncode, "error[E_NO_FILE]" in done.stderr) == (Exit.NOT_FOUND, True)
    for text in ("9" * 5000, "n" * 5000, "1" * 19 + "9"):
        done = raftctl.run("sim", "replay", text, check=False)
        assert (done.returncode, "error[E_NO_FILE]" in done.stderr) == (Exit.NOT_FOUND, True)
        assert len(done.stderr) < 500
    path = tmp_path / "empty.toml"
    path.write_text("\n")
    done = raftctl.run("sim", "replay", str(path), check=False)
    assert (done.returncode, "is empty" in done.stderr) == (Exit.USAGE, True)
    path = tmp_path / "bytes.toml"
    path.write_bytes(b"\xff\xfe\x00")
    done = raftctl.run("sim", "replay", str(path), check=False)
    assert (done.returncode, "is no text" in done.stderr) == (Exit.USAGE, True)


# -- shrink and bench ------------------------------------------------------------------------------
def test_what_does_not_fail_is_not_made_smaller(raftctl: Raftctl) -> None:
    done = raftctl.run("sim", "shrink", "1", check=False)
    assert done.returncode == Exit.PRECONDITION
    assert "error[E_NO_FAILURE]: 1 does not fail" in done.stderr


@pytest.mark.parametrize("place", ["none/plan.toml", "."])
def test_place_that_takes_no_plan_is_refused_before_the_work(
    raftctl: Raftctl, tmp_path: Path, place: str
) -> None:
    done = raftctl.run("sim", "shrink", "1", "--save", str(tmp_path / place), check=False)
    assert done.returncode == Exit.UNEXPECTED
    assert "error[E_IO]" in done.stderr
    assert "running seed-1" not in done.stderr


@pytest.mark.parametrize("command", ["shrink 1 --save", "replay 1 --record"])
def test_folder_that_is_not_there_is_named_with_the_line_that_makes_it(
    raftctl: Raftctl, tmp_path: Path, command: str
) -> None:
    folder = tmp_path / "none"
    done = raftctl.run("sim", *command.split(), str(folder / "file"), check=False)
    assert (done.returncode, done.stdout) == (Exit.UNEXPECTED, "")
    assert f"error[E_IO]: there is no folder {folder}\n" in done.stderr
    assert f"mkdir -p {folder}" in done.stderr


def test_plan_that_could_not_be_saved_is_shown(raftctl: Raftctl) -> None:
    done = with_a_planted_bug(raftctl, "sim shrink 1 --save /dev/full")
    assert (done.returncode, "error[E_IO]" in done.stderr) == (Exit.UNEXPECTED, True)
    saved = parse(done.stdout)
    assert (saved.name, len(str(saved.sim["digest"]))) == ("seed-1", 32)


def test_bench_counts_events_of_a_run_that_is_always_the_same(raftctl: Raftctl) -> None:
    found = document(raftctl.run("sim", "bench", "-o", "json").stdout, "sim-bench")
    assert found["virtual_s"] >= 60  # type: ignore[operator]
    assert found["operations"] > 2_500  # type: ignore[operator]


def test_bench_of_code_that_is_wrong_fails() -> None:
    command = [sys.executable, "-m", "tests.mutants", "vote_not_synced", "sim", "bench"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, "error[E_INVARIANT]" in done.stderr) == (Exit.CHECK_FAILED, True)
