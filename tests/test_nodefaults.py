"""Faults of a node's own disk and clock: which rules count, and which are refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.faults import NAME_LENGTH_MAX, FaultError
from node.nodefaults import CLOCK_RATE_MAX, DELAY_US_MAX, KINDS, NodePolicy, NodeRule

NOW = 1_700_000_000.0


def policy(*rules: NodeRule) -> NodePolicy:
    made = NodePolicy()
    made.replace(rules)
    return made


def slow(fault: int, ms: int, expires_at: float | None = None) -> NodeRule:
    return NodeRule(fault, 1, "slow", delay_us=ms * 1000, expires_at=expires_at)


def test_of_several_delays_the_last_one_counts_and_is_counted() -> None:
    made = policy(slow(1, 20), slow(2, 5))
    assert made.delay_us(NOW) == 5_000
    made.slows(NOW)
    assert made.hits == {2: 1}
    made.replace([slow(1, 20)])
    assert made.delay_us(NOW) == 20_000


def test_of_several_rates_the_last_one_counts() -> None:
    made = policy(NodeRule(1, 1, "rate", rate=0.5), NodeRule(2, 1, "rate", rate=2.0))
    assert made.clock_rate(NOW) == 2.0
    assert policy().clock_rate(NOW) == 1.0


def test_full_and_failing_disks_count_for_every_fault_that_makes_them_so() -> None:
    made = policy(NodeRule(1, 1, "full"), NodeRule(2, 1, "full"), NodeRule(3, 1, "fail"))
    assert made.is_full(NOW)
    assert made.fails(NOW)
    assert made.hits == {1: 1, 2: 1, 3: 1}
    assert not policy(slow(1, 20)).is_full(NOW)
    assert not policy(slow(1, 20)).fails(NOW)


def test_rule_whose_time_is_over_does_nothing_though_nobody_removed_it() -> None:
    made = policy(slow(1, 20, NOW - 1), NodeRule(2, 1, "full", expires_at=NOW))
    assert made.delay_us(NOW) == 0
    assert not made.is_full(NOW)
    assert made.next_expiry == NOW - 1
    assert made.expire(NOW) == [1, 2]
    assert made.rules == ()
    assert made.next_expiry is None


def test_count_outlives_a_change_of_other_rules() -> None:
    made = policy(NodeRule(1, 1, "full"))
    made.is_full(NOW)
    made.replace([NodeRule(1, 1, "full"), slow(2, 5)])
    assert made.hits[1] == 1
    made.replace([])
    assert made.hits[1] == 0


@given(
    st.builds(
        NodeRule,
        st.integers(0, 2**40),
        st.integers(1, 2**40),
        st.sampled_from(KINDS),
        st.text(max_size=NAME_LENGTH_MAX),
        st.integers(0, DELAY_US_MAX),
        st.floats(1 / CLOCK_RATE_MAX, CLOCK_RATE_MAX),
        st.none() | st.floats(0, 1e12),
    )
)
def test_rule_is_read_back_from_its_map(rule: NodeRule) -> None:
    assert NodeRule.from_map(rule.to_map()) == rule


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("fault", each) for each in (-1, 1.0, True, "1", None)),
        *(("node", each) for each in (-1, "n1")),
        *(("kind", each) for each in ("stall", "", None, 3)),
        *(("name", each) for each in (None, "x" * (NAME_LENGTH_MAX + 1))),
        *(("delay_us", each) for each in (-1, DELAY_US_MAX + 1, 1.5, "1ms")),
        *(("rate", each) for each in (0, 0.001, CLOCK_RATE_MAX + 1, float("nan"), "1", True)),
        *(("expires_at", each) for each in (-1, float("inf"), "soon")),
    ],
)
def test_values_that_no_node_takes_are_refused(field: str, value: Any) -> None:
    with pytest.raises(FaultError, match=field):
        NodeRule.from_map({**NodeRule(1, 1, "slow").to_map(), field: value})


@pytest.mark.parametrize("values", [None, 3, [], {}, {"fault": 1}, {"fault": 1, "frob": 2}])
def test_what_is_no_rule_is_refused(values: Any) -> None:
    with pytest.raises(FaultError):
        NodeRule.from_map(values)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "full"}, "disk full"),
        ({"kind": "fail"}, "disk fail"),
        ({"kind": "slow", "delay_us": 1_500}, "disk slow 1.5ms"),
        ({"kind": "rate", "rate": 1.05}, "clock rate 1.05"),
    ],
)
def test_rule_in_few_words(changes: dict[str, Any], says: str) -> None:
    assert str(NodeRule(1, 1, "full")._replace(**changes)) == says
