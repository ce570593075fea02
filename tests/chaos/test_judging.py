"""What a run proved: each check holds, does not, or cannot tell; and what that makes of it."""

from dataclasses import replace

import pytest

from raftctl.chaos.disks import Logs
from raftctl.chaos.judging import Judgement, verdict_of
from raftctl.chaos.running import Ran
from raftctl.chaosdocs import ChaosCheck
from tests.chaos.runs import SCENARIO, S, done, injected, ran


def checks(of: Ran) -> dict[str, ChaosCheck]:
    return {check.name: check for check in Judgement(of).checks()}


def verdict(of: Ran) -> tuple[str, str]:
    return verdict_of(list(Judgement(of).checks()))


def test_run_in_which_all_went_well_is_ok() -> None:
    assert verdict(ran()) == ("ok", "6 checks hold")


def test_budget_is_the_longest_time_without_a_success() -> None:
    assert verdict(ran((5.1, 5.9)))[0] == "ok"
    found, text = verdict(ran((5.1, 6.3)))
    assert found == "failed"
    assert (
        text
        == "budget cut: longest without a success: write 1,250 of 1,000 ms, read 1,250 of 1,000 ms"
    )


def test_what_a_fault_costs_after_it_is_over_counts_too() -> None:
    assert verdict(ran((10, 11.5)))[0] == "failed"
    assert verdict(ran((11.5, 13.5)))[0] == "ok"


def test_what_a_later_step_costs_is_not_this_ones() -> None:
    (step,) = ran().scenario.steps
    first, second = injected(step, 0, 5, 9), injected(replace(step, name=""), 1, 10, 12)
    run = ran((10, 11.5), steps=[first, second])
    gaps = [each.write_gap_ms for each in Judgement(run).faults()]
    assert gaps[0] is not None
    assert gaps[1] is not None
    assert gaps[0] < 100 < 1000 < gaps[1]


def test_step_in_which_too_little_succeeded_proves_nothing() -> None:
    run = ran()
    run.seen.done = done(1, 2, 6, 15)
    assert checks(run)["budget cut"].verdict == "inconclusive"


def test_run_without_a_success_proves_nothing() -> None:
    run = ran()
    run.seen.counts["ok"] = 0
    assert checks(run)["load"].verdict == "inconclusive"


def test_fault_that_did_nothing_leaves_no_verdict() -> None:
    run = ran()
    run.steps[0].why_not = "it never took effect"
    found, text = verdict(run)
    assert found == "inconclusive"
    assert "fault ineffective: step 1, partition leader / rest: it never took effect" in text


def test_step_that_was_never_due_leaves_no_verdict() -> None:
    text = SCENARIO.replace("[expect]", '[[step]]\nwhen = "leader-change"\ndo = "heal"\n[expect]')
    run = ran(text=text)
    run.steps = run.steps[:1]
    found, why = verdict(run)
    assert found == "inconclusive"
    assert "step 2, heal (when leader-change), was never carried out" in why


def test_what_is_wrong_decides_however_little_else_was_proven() -> None:
    run = ran()
    run.steps[0].why_not = "it never took effect"
    run.told.take({"node": 2, "boot": 1, "kind": "leader", "term": 1, "data": {}})
    found, why = verdict(run)
    assert (found, why) == ("failed", "invariants: one_leader_per_term: n1 and n2 both led term 1")


def test_rules_that_nobody_asked_for_are_not_looked_at() -> None:
    run = ran(text=SCENARIO.replace("[expect]", '[expect]\ninvariants = ["index_order"]'))
    run.told.take({"node": 2, "boot": 1, "kind": "leader", "term": 1, "data": {}})
    assert checks(run)["invariants"].verdict == "ok"


def test_nodes_that_told_nothing_prove_nothing() -> None:
    run = ran()
    run.told.records = 0
    assert checks(run)["invariants"].verdict == "inconclusive"


def test_damaged_log_is_wrong() -> None:
    run = ran()
    run.logs = Logs(["n2: entry 7 does not have its checksum"])
    assert verdict(run) == ("failed", "logs: n2: entry 7 does not have its checksum")


def test_cluster_that_does_not_come_together_is_wrong_where_a_scenario_asks_for_it() -> None:
    run = ran()
    run.converged_ns = None
    assert checks(run)["converged"].verdict == "failed"
    run = ran(text=SCENARIO.replace('converge-within = "5s"', ""))
    run.converged_ns = None
    assert checks(run)["converged"].verdict == "inconclusive"


def test_new_leader_belongs_to_the_step_that_it_followed_on() -> None:
    (step,) = ran().scenario.steps
    first, second = injected(step, 0, 5, 9), injected(replace(step, name=""), 1, 7, 9)
    run = ran(steps=[first, second], leaders=[(round(7.4 * S), 2, 2), (round(8 * S), 3, 3)])
    assert [each.new_leader_ms for each in Judgement(run).faults()] == [None, 400.0]


def test_fault_that_meant_nobody_has_no_gap_and_no_line() -> None:
    (step,) = ran().scenario.steps
    nobody = injected(step)
    nobody.action, nobody.why_not = None, "the cluster has no leader"
    (fault,) = Judgement(ran(steps=[nobody])).faults()
    assert (fault.resolved, fault.write_gap_ms, fault.why_not) == (
        None,
        None,
        "the cluster has no leader",
    )


def test_share_of_the_time_in_which_it_could_be_used() -> None:
    assert Judgement(ran()).share("write") == 1.0
    assert Judgement(ran((5, 7))).share("read") == pytest.approx(0.9, abs=0.01)


def test_run_whose_clients_were_hardly_answered_proves_nothing() -> None:
    run = ran()
    run.seen.counts |= {"ok": 7, "fail": 2, "info": 11}
    assert checks(run)["load"] == ChaosCheck(
        "load", "inconclusive", "8 operations were answered of 20 that were due"
    )


def test_operations_that_fell_into_a_time_without_a_cluster_are_not_missed() -> None:
    run = ran((2, 14))
    run.seen.counts |= {"ok": 7, "fail": 13}
    assert checks(run)["load"].verdict == "ok"


def test_compares_that_found_something_else_were_answered() -> None:
    run = ran()
    run.seen.counts |= {"ok": 1, "fail": 19}
    run.seen.refused = 19
    assert checks(run)["load"].verdict == "ok"


def test_reads_of_what_nobody_wrote_prove_nothing() -> None:
    run = ran()
    run.seen.done = done(1, 2, 6, 15, f="read")
    found = checks(run)["load"]
    assert (found.verdict, "nothing was ever written" in found.text) == ("inconclusive", True)


def test_what_was_not_asked_for_is_no_check_that_holds() -> None:
    text = SCENARIO.replace("[expect]", '[expect]\ninvariants = "none"')
    run = ran(text=text)
    assert checks(run)["invariants"].verdict == "unasked"
    assert verdict(run) == ("ok", "5 checks hold")


def test_run_of_which_nothing_was_expected_proves_nothing() -> None:
    head, _, _ = SCENARIO.partition("[expect]")
    run = ran(text=f'{head}[expect]\nlinearizable = false\ninvariants = "none"\n')
    assert verdict(run) == ("inconclusive", "expectations: the scenario expects nothing")


def test_scenario_without_a_step_has_no_fault_that_took_effect() -> None:
    head, _, _ = SCENARIO.partition("[[step]]")
    assert checks(ran(text=head))["faults"].verdict == "unasked"


def test_rule_that_cannot_be_seen_from_outside_is_not_one_that_holds() -> None:
    run = ran(text=SCENARIO.replace("[expect]", '[expect]\ninvariants = ["log_matching"]'))
    found = checks(run)["invariants"]
    assert (found.verdict, found.text.split()[0]) == ("inconclusive", "log_matching")
    assert checks(replace(run, rules=["log_matching"]))["invariants"].verdict == "ok"


def test_node_that_told_nothing_leaves_its_rules_open() -> None:
    run = replace(ran(), members=[1, 2, 3])
    assert checks(run)["invariants"] == ChaosCheck(
        "invariants", "inconclusive", "n2 n3 told nothing"
    )


def test_what_was_lost_on_the_way_is_said() -> None:
    run = ran()
    run.told.take({"node": 1, "boot": 1, "kind": "gap", "first": 4, "last": 9, "why": "slow"})
    assert checks(run)["invariants"].text.endswith("6 more were lost")


def test_disks_that_a_step_wiped_are_left_out_and_that_is_said() -> None:
    run = ran()
    run.logs = Logs(left_out=["n1"])
    found = checks(run)["logs"]
    assert found.verdict == "ok"
    assert found.text.endswith("not looked at: n1, which a step wiped or damaged")


def test_node_that_ended_without_a_step_is_wrong() -> None:
    run = ran()
    run.dead = ["n2 at 5.0 s"]
    text = "ended, and no step ended it: n2 at 5.0 s; see its node.log"
    assert verdict(run) == ("failed", f"nodes: {text}")
    run.dead = []
    assert checks(run)["nodes"].verdict == "ok"
