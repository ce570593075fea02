"""bench: its arguments and its verdicts, and how it ends before its time."""

import json
import re
import signal
import subprocess
from typing import Any

import pytest

from raftctl.benchdocs import BenchClient, BenchFault
from raftctl.benching.bounds import read_bounds
from raftctl.benching.telling import lines
from raftctl.commands.bench import _rate, _share, _show, _verify
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.schemas import json_schema
from raftctl.settings import make_settings
from tests.benching.documents import bench
from tests.measure.commands import RAFTCTL, Raftctl, fresh_home
from tests.raftctl.schema import violations

FAULTS = """
name = "blink"
nodes = 3
duration = "2s"

[[step]]
when = "500ms"
do = "pause leader"
for = "1s"

[[step]]
when = "leader-change"
do = "net --link leader:rest --latency 5ms"
for = "500ms"
"""


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e999", "fast", ""])
def test_rate_that_cannot_be_is_a_usage_error(text: str) -> None:
    with pytest.raises(CliError) as caught:
        _rate(text)
    assert caught.value.exit_code == Exit.USAGE
    assert caught.value.hint


@pytest.mark.parametrize("text", ["", "101%", "-1", "half"])
def test_share_that_cannot_be_is_a_usage_error(text: str) -> None:
    with pytest.raises(CliError) as caught:
        _share(text)
    assert caught.value.exit_code == Exit.USAGE
    assert caught.value.hint


def test_load_without_a_success_is_vacuous_even_when_its_outcome_is_unknown() -> None:
    for document in (bench(), bench(errors=3), bench(unknown=3)):
        with pytest.raises(CliError) as caught:
            _verify(document, read_bounds("err<100%", "put"))
        assert (caught.value.code, caught.value.exit_code) == ("E_VACUOUS", Exit.INCONCLUSIVE)
        assert (caught.value.outcome == "unknown") == bool(document.unknown)


def test_all_assertions_that_fail_are_told_and_what_holds_is_not() -> None:
    with pytest.raises(CliError, match=r"p50<1ms .* 1\.5ms over; ops>5 .* 4 under") as caught:
        _verify(bench(ops=1, p50_ms=2.5), read_bounds("p50<1ms,err<1%,ops>5", "put"))
    assert caught.value.exit_code == Exit.CHECK_FAILED
    assert len(caught.value.details["broken"]) == 2
    _verify(bench(ops=1, p50_ms=2.5), read_bounds("p50<1s", "put"))


def test_fault_that_did_nothing_proves_nothing() -> None:
    idle = BenchFault("kill leader", 1.0, None, None, "it means nobody now")
    with pytest.raises(CliError, match="kill leader: it means nobody now") as caught:
        _verify(bench(ops=1, faults=[idle]), [])
    assert caught.value.exit_code == Exit.INCONCLUSIVE


def test_figures_that_there_are_not_stand_as_a_dash() -> None:
    assert re.fullmatch(r"put +0( +-){5}", lines(bench(unknown=3))[2])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"client": BenchClient(1900.0, 0.95, 2, 0.475)}, "the load took 95% of the one core"),
        ({"client": BenchClient(1400.0, 0.70, 2, 0.35)}, ""),
        ({"client": BenchClient(95.0, 0.95, 2, 0.475), "elapsed_ms": 100.0}, ""),
        ({"unsent": 50}, "50 requests were due by the rate, and not sent in time"),
        ({"unsent": 1}, ""),
    ],
)
def test_what_makes_figures_doubtful_is_a_warning(
    values: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = make_settings(
        *(None,) * 4, quiet=False, verbose=False, no_color=True, ascii_only=False, yes=False
    )
    _show(settings, bench(ops=1000, **values), None)
    told = capsys.readouterr().err
    assert said in told
    assert bool(told) == bool(said)


def started(raftctl: Raftctl, *options: str) -> "subprocess.Popen[str]":
    """A load that is under way: its first second is over."""
    command = [str(RAFTCTL), "bench", "put", "--duration", "60s", "--inflight", "8", *options]
    process = subprocess.Popen(
        command, env=raftctl.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    while "done" not in process.stderr.readline():
        assert process.poll() is None
    return process


@pytest.mark.e2e
def test_load_that_ends_before_its_time_shows_what_it_has() -> None:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        big = raftctl.run("bench", "put", "--size", str(1024 * 1024 + 1), check=False)
        assert big.returncode == Exit.USAGE

        interrupted = started(raftctl, "-o", "json")
        interrupted.send_signal(signal.SIGINT)
        shown, _ = interrupted.communicate(timeout=20)
        assert interrupted.returncode == Exit.INTERRUPTED
        assert json.loads(shown)["ops"] > 0

        lost = started(raftctl, "--timeout", "3s", "-o", "json")
        raftctl.run("kill", "followers")
        shown, errors = lost.communicate(timeout=20)
        document = json.loads(shown)
        assert document["ops"] > 0
        assert document["unknown"] > 0
        error = json.loads(errors.splitlines()[-1])
        assert (error["code"], error["outcome"]) == ("E_NO_LEADER", "unknown")
        assert lost.returncode == Exit.NO_QUORUM

        before = raftctl.run("bench", "put", "--timeout", "300ms", "-o", "json", check=False)
        assert (before.returncode, before.stdout) == (Exit.NO_QUORUM, "")


@pytest.mark.e2e
def test_faults_beside_a_load_are_done_told_and_undone() -> None:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        plan = raftctl.home / "plan.toml"
        plan.write_text(FAULTS)
        options = ["--rate", "200", "--faults", str(plan), "-o", "jsonl"]
        done = raftctl.run("bench", "mixed", *options)
        *seconds, document = [json.loads(line) for line in done.stdout.splitlines()]
        for each in (*seconds, document):
            kind = each["schema"].split(".")[1].split("/")[0]
            assert violations(each, json_schema(kind)) == []
        assert [each["at_ms"] for each in seconds][:2] == [1000.0, 2000.0]
        lost = document["errors"] + document["unknown"]
        assert document["max_ms"] >= 100 or lost >= 20, "those due meanwhile waited, or were lost"
        assert document["put"]["ops"] + document["get"]["ops"] == document["ops"] > 0
        pause, slow = document["faults"]
        assert re.fullmatch(r"pause n[123]", pause["line"])
        assert 500 <= pause["began_ms"] < pause["ended_ms"]
        assert slow["hits"] > 0
        assert raftctl.document("faults")["faults"] == []
        raftctl.run("wait", "ready")

        five = raftctl.run("bench", "put", "--faults", "leader-in-minority", check=False)
        assert (five.returncode, "E_SIZE" in five.stderr) == (Exit.PRECONDITION, True)
