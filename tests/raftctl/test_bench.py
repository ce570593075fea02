"""bench: its arguments and its verdicts, and how it ends before its time."""

import json
import signal
import subprocess
from typing import Any

import pytest

from raftctl.commands.bench import _checks, _lines, _rate, _verify
from raftctl.documents import Bench
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from tests.measure.commands import RAFTCTL, Raftctl, fresh_home


def bench(ops: int = 0, errors: int = 0, unknown: int = 0, **values: Any) -> Bench:
    figures = dict.fromkeys(("p50_ms", "p95_ms", "p99_ms", "max_ms")) | values
    return Bench("put", 1, 1, ops, errors, unknown, float(ops), **figures)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e999", "fast", ""])
def test_rate_that_cannot_be_is_a_usage_error(text: str) -> None:
    with pytest.raises(CliError) as caught:
        _rate(text)
    assert caught.value.exit_code == Exit.USAGE
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        *("p99<1.2.3ms", "p99<.ms", "p99<5%", "p99<50", "err<1ms", "err<1", "unknown<1s"),
        *("ops_per_s>1ms", "ops_per_s>1%", "p98<1ms", "p99=1ms", "p99<", "p99<5ms;err<1%"),
    ],
)
def test_assertion_that_cannot_be_read_is_a_usage_error(text: str) -> None:
    with pytest.raises(CliError) as caught:
        _checks(text)
    assert caught.value.exit_code == Exit.USAGE
    assert caught.value.hint


def test_assertions_are_in_the_unit_of_their_metric() -> None:
    assert [check[1:] for check in _checks("p99<1.5s, max<20ms,err<1%,ops_per_s>100")] == [
        ("p99", "<", 1500),
        ("max", "<", 20),
        ("err", "<", 1),
        ("ops_per_s", ">", 100),
    ]


def test_load_without_a_success_is_vacuous_even_when_its_outcome_is_unknown() -> None:
    for document in (bench(), bench(errors=3), bench(unknown=3)):
        with pytest.raises(CliError) as caught:
            _verify(document, _checks("err<100%"))
        assert (caught.value.code, caught.value.exit_code) == ("E_VACUOUS", Exit.INCONCLUSIVE)
        assert (caught.value.outcome == "unknown") == bool(document.unknown)


def test_assertion_that_fails_shows_the_figure_with_its_unit() -> None:
    with pytest.raises(CliError, match=r"p50<1ms does not hold: 2\.5ms") as caught:
        _verify(bench(ops=1, p50_ms=2.5), _checks("p50<1ms"))
    assert caught.value.exit_code == Exit.CHECK_FAILED
    _verify(bench(ops=1, p50_ms=2.5), _checks("p50<1s"))


def test_figures_that_there_are_not_stand_as_a_dash() -> None:
    assert _lines(bench(unknown=3))[1] == "p50 -  p95 -  p99 -  max -"


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
