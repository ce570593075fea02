"""What `net` and `partition` take, which is what a node takes: the rest is refused beforehand."""

from typing import Any

import pytest

from node.faults import DELAY_MS_MAX, FaultError, LinkRule
from raftctl.cluster.partitions import check_fault_name, link_effects, plan_links
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.values import seconds_above_0
from tests.raftctl.clusters import status


def effects(
    delay: str | None = None, drop: str = "0%", rate: str | None = None, only: tuple[str, ...] = ()
) -> LinkRule:
    return link_effects(delay, drop, "0%", "0%", "0%", rate, only)


def refusal(**options: Any) -> CliError:
    with pytest.raises(CliError) as caught:
        effects(**options)
    assert caught.value.exit_code == Exit.USAGE
    return caught.value


def test_options_become_a_rule_that_every_node_takes() -> None:
    rule = effects("60s+-1s", ".5%", "1.5GB/s", ("AppendEntries",))
    assert (rule.latency_ms, rule.jitter_ms, rule.drop) == (DELAY_MS_MAX, 1000, 0.005)
    assert (rule.rate_bytes_s, rule.only) == (1_500_000_000, ("AppendEntries",))
    assert LinkRule.from_map(rule.to_map()) == rule


@pytest.mark.parametrize(
    ("delay", "hint"),
    [
        ("100", "did you mean 100ms?"),
        ("100+-20", "did you mean 100ms+-20ms?"),
        ("10ms+-100", "did you mean 10ms+-100ms?"),
        ("5m", "at most 60s"),
    ],
)
def test_latency_that_no_node_takes_is_refused_with_what_was_meant(delay: str, hint: str) -> None:
    assert refusal(delay=delay).hint == hint


@pytest.mark.parametrize("rate", ["200GB", "999999999999999GiB/s", "0", "0.4", "9" * 5000, "fast"])
def test_rate_that_is_no_limit_is_refused(rate: str) -> None:
    refusal(rate=rate)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("appendentries", "did you mean AppendEntries?"),
        ("RequestVotes", "did you mean RequestVote?"),
        ("Heartbeat", "one of RequestPreVote, "),
        ("LogEntry", "one of RequestPreVote, "),
    ],
)
def test_only_names_messages_of_raft(name: str, hint: str) -> None:
    assert refusal(delay="5ms", only=(name,)).hint.startswith(hint)


def test_effects_that_no_node_takes_make_no_plan() -> None:
    for rule in (LinkRule(0, 0, 0, latency_ms=DELAY_MS_MAX + 1), LinkRule(0, 0, 0, drop=2)):
        with pytest.raises(FaultError):
            rule.check()
        with pytest.raises(CliError) as caught:
            plan_links(status(), ["1:2"], rule)
        assert caught.value.exit_code == Exit.USAGE


@pytest.mark.parametrize("name", ["slow-link", "a", "N_1"])
def test_names_of_faults(name: str) -> None:
    check_fault_name(name)


@pytest.mark.parametrize(
    "name", ["all", "n3", "leader", "rest", "3", "-x", "a b", "a:b", "é", "a\n", "a" * 65]
)
def test_name_that_means_something_else_is_refused(name: str) -> None:
    with pytest.raises(CliError) as caught:
        check_fault_name(name)
    assert caught.value.exit_code == Exit.USAGE


@pytest.mark.parametrize("text", ["0s", "0", "0ms", "11000d", "9" * 400, "-1s"])
def test_fault_lasts_longer_than_nothing_and_not_for_ever(text: str) -> None:
    with pytest.raises(CliError) as caught:
        seconds_above_0(text, "--for")
    assert caught.value.exit_code == Exit.USAGE
