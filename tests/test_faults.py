"""What becomes of a message on a link with rules, and which rules are let in."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.faults import (
    DELAY_MS_MAX,
    DELIVER,
    LOSE,
    RATE_BYTES_S_MAX,
    REORDER_MS,
    FaultError,
    LinkPolicy,
    LinkRule,
    Verdict,
)

NOW = 1_000.0  # Unix seconds


def _policy(*rules: LinkRule, seed: int = 1) -> LinkPolicy:
    policy = LinkPolicy(random.Random(seed))
    policy.replace(rules)
    return policy


def _rule(**values: Any) -> LinkRule:
    return LinkRule(**{"fault": 1, "src": 1, "dst": 2, **values})


def _send(
    policy: LinkPolicy, *, kind: str = "AppendEntries", size: int = 100, now_us: int = 0
) -> Verdict:
    """One message from 1 to 2."""
    return policy.on_send(1, 2, kind, size, now_us, NOW)


RULES = st.builds(
    LinkRule,
    fault=st.integers(0, 9),
    src=st.integers(0, 3),
    dst=st.integers(0, 3),
    name=st.text(max_size=5),
    cut=st.booleans(),
    latency_ms=st.floats(0, DELAY_MS_MAX),
    jitter_ms=st.floats(0, DELAY_MS_MAX),
    drop=st.floats(0, 1),
    duplicate=st.floats(0, 1),
    reorder=st.floats(0, 1),
    corrupt=st.floats(0, 1),
    rate_bytes_s=st.integers(0, RATE_BYTES_S_MAX),
    only=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    expires_at=st.none() | st.floats(0, 1e12),
)


# -- no rules --------------------------------------------------------------------------------------
def test_without_rules_everything_is_delivered_at_once() -> None:
    policy = _policy()
    assert _send(policy) == DELIVER == Verdict((0,))
    assert policy.on_receive(1, 2, "AppendEntries", NOW)
    assert policy.state_of(1, 2) == "up"
    assert policy.next_expiry is None
    assert not policy.hits


def test_a_rule_without_effects_delivers_and_counts_nothing() -> None:
    policy = _policy(_rule())
    assert _send(policy) == DELIVER
    assert not policy.hits


# -- seeded ----------------------------------------------------------------------------------------
@given(st.lists(RULES, max_size=4), st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_fates(rules: list[LinkRule], seed: int) -> None:
    one, other = _policy(*rules, seed=seed), _policy(*rules, seed=seed)
    for number in range(20):
        message = (number % 4, (number + 1) % 4, "RequestVote", 50, number * 1000, NOW)
        assert one.on_send(*message) == other.on_send(*message)
    assert one.hits == other.hits


def test_another_seed_gives_other_fates() -> None:
    fates = {
        tuple(_send(policy) for _ in range(64))
        for policy in (_policy(_rule(drop=0.5), seed=seed) for seed in range(3))
    }
    assert len(fates) == 3


@given(st.lists(RULES, max_size=4))
def test_no_verdict_is_delivered_in_the_past(rules: list[LinkRule]) -> None:
    policy = _policy(*rules)
    for number in range(10):
        verdict = policy.on_send(1, 2, "TimeoutNow", 10, number, NOW)
        assert all(delay_us >= 0 for delay_us in verdict.delays_us)
        assert len(verdict.delays_us) <= 1 + len(rules)


# -- cut, drop -------------------------------------------------------------------------------------
def test_a_cut_loses_one_direction_of_one_link() -> None:
    policy = _policy(_rule(cut=True))
    assert _send(policy) == LOSE
    for src, dst in ((2, 1), (1, 3), (3, 2)):
        assert policy.on_send(src, dst, "AppendEntries", 1, 0, NOW) == DELIVER
        assert policy.on_receive(src, dst, "AppendEntries", NOW)
    assert policy.hits == {1: 1}


def test_a_cut_holds_for_what_was_under_way() -> None:
    policy = _policy(_rule(cut=True))
    assert not policy.on_receive(1, 2, "AppendEntries", NOW)
    assert policy.hits == {1: 1}


def test_only_cuts_take_effect_at_the_receiving_side() -> None:
    policy = _policy(_rule(drop=1.0, corrupt=1.0, latency_ms=10.0))
    assert policy.on_receive(1, 2, "AppendEntries", NOW)
    assert not policy.hits


@pytest.mark.parametrize(("drop", "lost"), [(0.0, 0), (1.0, 100)])
def test_drop_at_its_ends(drop: float, lost: int) -> None:
    policy = _policy(_rule(drop=drop))
    assert sum(_send(policy) == LOSE for _ in range(100)) == lost == policy.hits[1]


def test_drop_loses_about_its_share() -> None:
    policy = _policy(_rule(drop=0.3))
    lost = sum(_send(policy) == LOSE for _ in range(2000))
    assert 500 < lost < 700
    assert policy.hits == {1: lost}


# -- only ------------------------------------------------------------------------------------------
def test_only_names_the_types_that_a_rule_is_for() -> None:
    policy = _policy(_rule(cut=True, only=("RequestVote", "RequestPreVote")))
    assert _send(policy, kind="RequestVote") == LOSE
    assert _send(policy, kind="RequestPreVote") == LOSE
    assert _send(policy, kind="AppendEntries") == DELIVER
    assert not policy.on_receive(1, 2, "RequestVote", NOW)
    assert policy.on_receive(1, 2, "AppendEntries", NOW)


# -- delay, duplicate, reorder, corrupt ------------------------------------------------------------
def test_latency_is_in_milliseconds() -> None:
    policy = _policy(_rule(latency_ms=12.5))
    assert _send(policy) == Verdict((12_500,))
    assert policy.hits == {1: 1}


def test_jitter_stays_in_its_bounds_and_varies() -> None:
    policy = _policy(_rule(latency_ms=10.0, jitter_ms=4.0))
    delays = [delay for _ in range(200) for delay in _send(policy).delays_us]
    assert min(delays) >= 6_000
    assert max(delays) <= 14_000
    assert len(set(delays)) > 100


def test_jitter_above_the_latency_never_goes_below_zero() -> None:
    policy = _policy(_rule(latency_ms=1.0, jitter_ms=50.0))
    assert min(delay for _ in range(200) for delay in _send(policy).delays_us) == 0


def test_delays_of_several_rules_add_up() -> None:
    policy = _policy(_rule(latency_ms=1.0), _rule(fault=2, latency_ms=2.0))
    assert _send(policy) == Verdict((3_000,))
    assert policy.hits == {1: 1, 2: 1}


def test_duplicate_delivers_twice() -> None:
    assert _send(_policy(_rule(duplicate=1.0))) == Verdict((0, 0))
    assert _send(_policy(_rule(duplicate=1.0, latency_ms=2.0))) == Verdict((2_000, 2_000))
    twice = _policy(_rule(duplicate=1.0), _rule(fault=2, duplicate=1.0))
    assert _send(twice) == Verdict((0, 0, 0))


def test_reorder_holds_a_message_back() -> None:
    policy = _policy(_rule(reorder=0.5))
    delays = {_send(policy).delays_us for _ in range(50)}
    assert delays == {(0,), (round(REORDER_MS * 1000),)}


def test_corrupt_marks_the_message() -> None:
    assert _send(_policy(_rule(corrupt=1.0))) == Verdict((0,), corrupt=True)
    assert _send(_policy(_rule(corrupt=1.0), _rule(latency_ms=1.0))) == Verdict((1_000,), True)


# -- rate ------------------------------------------------------------------------------------------
def test_a_rate_makes_messages_wait_for_each_other() -> None:
    policy = _policy(_rule(rate_bytes_s=1000))
    assert _send(policy, size=100) == Verdict((100_000,))
    assert _send(policy, size=100) == Verdict((200_000,))
    assert _send(policy, size=50, now_us=150_000) == Verdict((100_000,))


def test_a_rate_forgets_idle_time() -> None:
    policy = _policy(_rule(rate_bytes_s=1000))
    _send(policy, size=100)
    assert _send(policy, size=100, now_us=5_000_000) == Verdict((100_000,))


def test_rules_with_rates_have_their_own_queues() -> None:
    policy = _policy(_rule(rate_bytes_s=1000), _rule(dst=3, rate_bytes_s=1000))
    _send(policy, size=1000)
    assert policy.on_send(1, 3, "AppendEntries", 100, 0, NOW) == Verdict((100_000,))


# -- expiry ----------------------------------------------------------------------------------------
def test_a_rule_that_is_over_does_nothing_even_before_it_is_dropped() -> None:
    policy = _policy(_rule(cut=True, expires_at=NOW))
    assert _send(policy) == DELIVER
    assert policy.on_receive(1, 2, "AppendEntries", NOW)
    assert policy.on_send(1, 2, "AppendEntries", 1, 0, NOW - 0.001) == LOSE
    assert not policy.on_receive(1, 2, "AppendEntries", NOW - 0.001)


def test_expire_drops_the_rules_whose_time_is_over() -> None:
    forever = _rule(fault=3, dst=3)
    early = _rule(fault=1, cut=True, expires_at=NOW + 1)
    late = _rule(fault=2, cut=True, expires_at=NOW + 2)
    policy = _policy(late, forever, early)
    expiries = [policy.next_expiry]
    assert policy.expire(NOW) == []
    assert policy.expire(NOW + 1) == [1]
    assert list(policy.rules) == [late, forever]
    expiries.append(policy.next_expiry)
    assert policy.expire(NOW + 9) == [2]
    assert list(policy.rules) == [forever]
    expiries.append(policy.next_expiry)
    assert policy.expire(NOW + 99) == []
    assert expiries == [NOW + 1, NOW + 2, None]


def test_a_fault_is_over_with_its_last_rule() -> None:
    policy = _policy(_rule(expires_at=NOW + 1), _rule(dst=3, expires_at=NOW + 2))
    assert policy.expire(NOW + 1) == []
    assert policy.expire(NOW + 2) == [1]


# -- replace, hits, state --------------------------------------------------------------------------
def test_faults_that_stay_keep_their_count() -> None:
    policy = _policy(_rule(cut=True), _rule(fault=2, src=3, cut=True))
    _send(policy)
    policy.on_send(3, 2, "AppendEntries", 1, 0, NOW)
    policy.replace([_rule(fault=2, src=3, cut=True)])
    assert policy.hits == {2: 1}
    policy.replace([])
    assert not policy.hits
    assert _send(policy) == DELIVER


def test_the_state_of_a_link_in_one_word() -> None:
    policy = _policy(
        _rule(latency_ms=1.0),
        _rule(cut=True),
        _rule(dst=3, drop=0.1),
        _rule(dst=4, cut=True, only=("RequestVote",)),
    )
    states = {dst: policy.state_of(1, dst) for dst in (2, 3, 4, 5)}
    assert states == {2: "cut", 3: "slow", 4: "slow", 5: "up"}
    assert policy.state_of(2, 1) == "up"


# -- rules from outside ----------------------------------------------------------------------------
@given(RULES)
def test_a_rule_survives_json(rule: LinkRule) -> None:
    assert LinkRule.from_map(json.loads(json.dumps(rule.to_map()))) == rule


def test_what_is_left_out_has_no_effect() -> None:
    assert LinkRule.from_map({"fault": 1, "src": 1, "dst": 2}) == _rule()


INF, NAN = float("inf"), float("nan")
NO_WHOLE_NUMBER: tuple[Any, ...] = (-1, 1.0, True, "1", None, [])
NO_PROBABILITY: tuple[Any, ...] = (-0.1, 1.1, NAN, INF, True, "1", None)
NO_DELAY: tuple[Any, ...] = (-1, DELAY_MS_MAX + 1, NAN, INF, False, "5", None, [1])
BAD_VALUES: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("fault", "src", "dst"), NO_WHOLE_NUMBER),
    "rate_bytes_s": (*NO_WHOLE_NUMBER, RATE_BYTES_S_MAX + 1, 10**400),
    **dict.fromkeys(("drop", "duplicate", "reorder", "corrupt"), NO_PROBABILITY),
    **dict.fromkeys(("latency_ms", "jitter_ms"), NO_DELAY),
    "expires_at": (-1, NAN, INF, 1e13, "soon", True, []),
    "cut": (0, 1, None, "true"),
    "name": (None, 1, b"x", ["x"]),
    "only": (1, None, True, [1], [None], ["RequestVote", 2], "RequestVote"),
}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field in BAD_VALUES for value in BAD_VALUES[field]]
)
def test_a_value_that_makes_no_sense_is_refused_by_its_field(field: str, value: Any) -> None:
    with pytest.raises(FaultError, match=field):
        LinkRule.from_map({**_rule().to_map(), field: value})


@pytest.mark.parametrize("field", ["fault", "src", "dst"])
def test_a_missing_field_is_named(field: str) -> None:
    values = _rule().to_map()
    del values[field]
    with pytest.raises(FaultError, match=field):
        LinkRule.from_map(values)


def test_unknown_fields_are_named() -> None:
    with pytest.raises(FaultError, match="unknown fields: also, latency"):
        LinkRule.from_map({**_rule().to_map(), "latency": 5, "also": 1})


def test_a_map_of_anything_raises_nothing_but_fault_errors() -> None:
    anything: list[Any] = [None, [], {}, [[]], {"a": 1}, b"x", 10**400, -(10**400), [{}], NAN]
    for value in anything:
        for field in _rule().to_map():
            try:
                rule = LinkRule.from_map({**_rule().to_map(), field: value})
            except FaultError:
                continue
            hash(rule)
            _policy(rule).on_send(1, 2, "AppendEntries", 10, 0, NOW)


@pytest.mark.parametrize("values", [None, 3, "rule", ["rule"]])
def test_what_is_no_map_is_refused_as_a_rule(values: Any) -> None:
    with pytest.raises(FaultError, match="a rule has to be a map"):
        LinkRule.from_map(values)


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "x" * 65), ("only", ["x" * 65]), ("only", ["AppendEntries"] * 33)],
)
def test_texts_of_a_rule_are_bounded(field: str, value: Any) -> None:
    with pytest.raises(FaultError, match="at most"):
        LinkRule.from_map({**_rule().to_map(), field: value})
