"""--assert: what can be written, what it means, and what is said where it does not hold."""

from dataclasses import replace

import pytest

from raftctl.benching.bounds import read_bounds
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from tests.benching.documents import NO_LATENCY, bench


@pytest.mark.parametrize(
    "text",
    [
        *("p99<1.2.3ms", "p99<.ms", "p99<5%", "p99<50", "err<1ms", "err<1", "unknown<1s"),
        *("ops_per_s>1ms", "ops_per_s>1%", "p98<1ms", "p99=1ms", "p99<", "p99<5ms;err<1%"),
        *("ops>5ms", "p99.8<1ms", "put.p99<5ms", "get.ops>1", "p99<<5ms", "<5ms", "p99"),
    ],
)
def test_assertion_that_cannot_be_read_is_a_usage_error(text: str) -> None:
    with pytest.raises(CliError) as caught:
        read_bounds(text, "put")
    assert caught.value.exit_code == Exit.USAGE
    assert caught.value.hint


def test_unknown_metric_is_answered_with_those_there_are() -> None:
    with pytest.raises(CliError) as caught:
        read_bounds("p98<1ms", "put")
    assert "p50, p90, p95, p99, p99.9, max" in caught.value.hint


def test_assertions_are_in_the_unit_of_their_metric() -> None:
    text = "p99<1.5s, p99.9 <= 20ms,max<500us,err<1%,ops_per_s>100,ops>=10"
    assert [(bound.metric, bound.sign, bound.value) for bound in read_bounds(text, "put")] == [
        ("p99", "<", 1500),
        ("p99.9", "<=", 20),
        ("max", "<", 0.5),
        ("err", "<", 1),
        ("ops_per_s", ">", 100),
        ("ops", ">=", 10),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("p50<1ms", "p50<1ms does not hold: 2.5ms, 1.5ms over"),
        ("p50<2.5ms", "p50<2.5ms does not hold: 2.5ms, 0ms over"),
        ("p50<=2.5ms", ""),
        ("p50<1s", ""),
        ("ops>10", "ops>10 does not hold: 9, 1 under"),
        ("ops>=9", ""),
        ("err<5%", "err<5% does not hold: 10%, 5% over"),
        ("unsent<20%", "unsent<20% does not hold: 50%, 30% over"),
        ("p99<1s", "p99<1s does not hold: there is no figure"),
    ],
)
def test_bound_that_is_broken_says_what_is_instead_and_by_how_much(text: str, said: str) -> None:
    (bound,) = read_bounds(text, "put")
    assert bound.broken_by(bench(ops=9, errors=1, unsent=10, p50_ms=2.5)) == said


def test_bounds_of_a_mixed_load_can_be_of_its_reads_or_its_writes() -> None:
    document = bench(
        ops=10,
        p99_ms=5.0,
        put=replace(NO_LATENCY, p99_ms=9.0, ops=4),
        get=replace(NO_LATENCY, p99_ms=1.0, ops=6),
    )
    bounds = read_bounds("get.p99<2ms,put.p99<2ms,p99<6ms,put.ops>4", "mixed")
    assert [bool(bound.broken_by(document)) for bound in bounds] == [False, True, False, True]
