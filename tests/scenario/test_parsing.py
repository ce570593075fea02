"""What a scenario's text means, and what is refused, with its line."""

import pytest

from node.scenario.actions import Kill, Net, Partition
from node.scenario.errors import ScenarioError
from node.scenario.parsing import TEXT_BYTES_MAX, parse
from node.scenario.scenario import (
    MIXES,
    NODES_MAX,
    STEPS_MAX,
    Expect,
    Scenario,
    Span,
    Step,
    StepBudget,
    Workload,
)
from node.scenario.when import After, At, LeaderChange, Mark
from tests.scenario.examples import EXAMPLE, HEAD, step


def refusal(text: str) -> ScenarioError:
    with pytest.raises(ScenarioError) as caught:
        parse(text, "some/where.toml")
    return caught.value


def test_the_documented_example_means_what_it_says() -> None:
    scenario = parse(EXAMPLE)
    assert (scenario.name, scenario.nodes, scenario.seed) == ("leader-in-minority", 5, 42)
    assert scenario.duration_us == 40_000_000
    assert scenario.workload == Workload("cas", 8, 120, 20, 400, dict(MIXES["cas"]), 1_000_000)
    cut, slow, crash = scenario.steps
    groups = ("leader,", "any-follower", "/", "rest")
    assert cut == Step(At(5_000_000), Partition(groups), "cut", 12_000_000)
    assert slow.when == LeaderChange(Mark("cut"))
    assert isinstance(slow.action, Net)
    assert (slow.action.effects.latency_ms, slow.action.effects.jitter_ms) == (80, 30)
    assert crash == Step(
        After(Mark("cut", healed=True), 2_000_000), Kill(("leader",)), "crash", 3_000_000
    )
    random = scenario.random
    assert random is not None
    assert (random.from_us, random.to_us, random.budget) == (25_000_000, 35_000_000, "quorum-safe")
    assert random.every == random.lasts == Span(1_000_000, 3_000_000)
    assert [(str(action), weight) for action, weight in random.faults] == [
        ("pause any", 3), ("kill any", 2), ("partition --ring", 1),
    ]  # fmt: skip
    assert scenario.expect == Expect(
        linearizable=True,
        invariants="all",
        converge_within_us=10_000_000,
        steps={
            "cut": StepBudget({"write": 1_500_000, "read": 1_500_000}, 200),
            "crash": StepBudget({"write": 2_000_000}),
        },
    )


def test_an_empty_text_is_a_quiet_run_named_after_its_file() -> None:
    assert parse("", "configs/chaos/quiet.toml") == Scenario("quiet")


def test_what_stands_in_the_line_is_as_good_as_a_key() -> None:
    pasted = parse(HEAD + step("5s", "raftctl -c demo partition n1 --for 10s --as cut"))
    assert pasted == parse(HEAD + step("5s", "partition n1", "cut", "10s"))
    assert pasted == parse(HEAD + step("5s", "partition n1 --for 10s --as cut", "cut", "10s"))


def test_options_of_the_simulator_stay_as_they_are() -> None:
    options = '[sim]\nclock-skew = 0.1\npre_vote = false\nqueue = 64\ndisk = "slow"\n'
    assert parse(options).sim == {
        "clock-skew": 0.1, "pre_vote": False, "queue": 64, "disk": "slow",
    }  # fmt: skip


def test_nodes_that_steps_add_can_be_meant_later() -> None:
    parse(HEAD + step("1s", "members add") + step("9s", "kill n6"))
    parse(HEAD + step("9s", "kill n6") + step("1s", "members add"))
    parse(HEAD + step("1s", "members replace n1 n8") + step("leader-change", "kill n8"))
    parse(
        HEAD + step("1s", "members replace n1") + step("2s", "members add") + step("3s", "kill n7")
    )


RANDOM = '[random]\nevery = "1s"\n'
BAD = [
    ("x = [", "1", "it is no TOML"),
    ("nodes = 3\nseed = = 1", "2", "it is no TOML"),
    ("nodes = " + "9" * 5000, "", "it is no TOML"),
    ("a = " + "[" * 5000, "", "it is no TOML"),
    ("nods = 3", "1", "unknown key nods"),
    ("[sim]\nx = 1\n[simm]\n", "3", "unknown key simm"),
    ("nodes = 0", "1", "nodes is 0"),
    (f"nodes = {NODES_MAX + 1}", "1", "nodes is 10"),
    ('nodes = "3"', "1", "nodes has to be a whole number, not '3'"),
    ("nodes = true", "1", "nodes has to be a whole number, not 'True'"),
    ("seed = -1", "1", "seed is -1"),
    ('duration = "25h"', "1", "duration is 25h"),
    ('duration = "soon"', "1", "duration: 'soon' is not a duration"),
    ("duration = 5", "1", "duration has to be a text"),
    ('name = "a b"', "1", "name: 'a b' is no name for a scenario"),
    ("about = 1", "1", "about has to be a text"),
    ("step = 3", "1", "step has to be tables"),
    ("step = [1]", "1", "step has to be tables"),
    ("workload = 3", "1", "workload has to be a table"),
    ('[workload]\nkind = "cash"', "2", "workload.kind: there is no workload 'cash'"),
    ('[workload]\nrate = "9"', "2", "workload.rate: '9' is no rate"),
    ('[workload]\nrate = "0/s"', "2", "workload.rate: '0/s' is no rate"),
    ("[workload]\nclients = 0", "2", "workload.clients is 0"),
    ("[workload]\nmix = { reed = 1 }", "2", "workload.mix: unknown key reed"),
    ("[workload]\nmix = { read = 0 }", "2", "workload.mix.read is 0"),
    ("[workload]\nmix = {}", "2", "workload.mix has 0 keys"),
    ('[workload]\nkind = "lock"\nmix = { cas = 1 }', "3", "workload.mix: unknown key cas"),
    ('[[step]]\ndo = "kill n1"', "1", "step 1 has no when"),
    ('[[step]]\nwhen = "1s"', "1", "step 1 has no do"),
    ('[[step]]\nwhen = "1s"\ndo = "kill n1"\nfro = "2s"', "4", "step 1: unknown key fro"),
    (step("1s", "kill n1") + step("1s", "kil n1"), "6", "step 2: do: kil is nothing that a"),
    (step("1s", "kill n9"), "3", "step 1: do: the cluster has no node n9"),
    (step("1s", "kill boss"), "3", "step 1: do: 'boss' selects nothing"),
    (step("1s", "partition n1 / n1"), "3", "step 1: do: n1 stands in two groups"),
    (step("1s", "partition all"), "3", "step 1: do: that cuts nothing"),
    (step("1s", "partition --ring"), "3", "step 1: do: a ring needs four nodes"),
    (step("1s", "net --link 1:1 --drop 5%"), "3", "step 1: do: these are no links"),
    (step("1s", "transfer followers"), "3", "step 1: do: followers means 2 nodes"),
    (step("1s", "kill not:all"), "3", "step 1: do: that is never anybody"),
    (step("1s", "members add n3"), "3", "step 1: do: n3 is a member already"),
    (step("9s", "members add") + step("1s", "kill n4"), "6", "step 2: do: the cluster has no node"),
    (step("1s", "heal cut"), "3", "step 1: do: no step is called cut"),
    (step("1s", "heal 1:9"), "3", "step 1: do: the cluster has no node n9"),
    (step("1s", "kill n1", "k") + step("2s", "heal k"), "7", "step 2: do: k is nothing to heal"),
    (step("1s", "kill n1", "k") + step("2s", "kill n2", "k"), "8", "step 2: as is k, as of a step"),
    (step("1s", "kill n1", "n1"), "4", "step 1: as: 'n1' is no name for a fault"),
    (step("1s", "kill n1", "invariants"), "4", "step 1: as: 'invariants' is no name for a step"),
    (step("1s", "net --link 1:2 --drop 1% --as a", "b"), "4", "step 1: as is b, but the line"),
    (step("1s", "partition n1 --for 5s", "", "6s"), "4", "step 1: for is 6s, but the line says"),
    (step("1s", "transfer", "", "6s"), "4", "step 1: for: transfer has no end"),
    (step("1s", "kill n1", "", "0s"), "4", "step 1: for: it has to last more than 0"),
    (step("30s", "kill n1"), "2", "step 1: when: it comes at 30s at the earliest"),
    (step("29s", "kill n1", "", "2s"), "4", "step 1: for: it would last until 31s"),
    (step("soon", "kill n1"), "2", "step 1: when: no step is called soon"),
    (step("5 soon", "kill n1"), "2", "step 1: when: '5 soon' is not a duration"),
    (step("a + 1s", "kill n1", "a"), "2", "step 1 waits for itself: a <- a"),
    (step("b", "kill n1", "a") + step("a", "kill n2", "b"), "2", "step 1 waits for itself"),
    (step("1s", "kill n1", "a") + step("a.healed", "kill n2"), "6", "nothing ever ends a"),
    (step("9s", "kill n1", "a", "9s") + step("a.healed + 15s", "kill n2"), "7", "comes at 33s"),
    ('[random]\nfaults = { "kill n1" = 1 }', "1", "random has no every"),
    (RANDOM, "1", "random has no faults"),
    (RANDOM + "faults = {}", "3", "random.faults has 0 keys"),
    (RANDOM + 'faults = { "kil n1" = 1 }', "3", "random.faults.kil n1: kil is nothing"),
    (RANDOM + 'faults = { "kill n4" = 1 }', "3", "random.faults: kill n4: the cluster has no"),
    (RANDOM + 'faults = { "kill n1 n2" = 1 }', "3", "it harms up to 2 voters, and 1 "),
    (RANDOM + 'faults = { "kill n1" = 1, "raftctl kill n1" = 2 }', "3", "stands twice"),
    (RANDOM + 'faults = { "members add n9" = 1 }', "3", "no id comes twice"),
    (RANDOM + 'faults = { "partition n1 --for 1s" = 1 }', "3", "has --as or --for"),
    (RANDOM + 'from = "9s"\nto = "9s"\nfaults = { "kill n1" = 1 }', "4", "to is not after from"),
    (RANDOM + 'to = "1s"\nfaults = { "kill n1" = 1 }', "3", "no fault has the time"),
    (RANDOM + 'to = "31s"\nfaults = { "kill n1" = 1 }', "3", "random.to is 31s"),
    (RANDOM + 'budget = "all"\nfaults = { "kill n1" = 1 }', "3", "there is no budget 'all'"),
    ('[random]\nevery = "3s..1s"\nfaults = { "kill n1" = 1 }', "2", "'3s..1s' is no range"),
    ('[random]\nevery = "1ms"\nfaults = { "kill n1" = 1 }', "2", "makes more than 2000 steps"),
    ("[expect]\nlinearisable = true", "2", "expect: unknown key linearisable"),
    ('[expect]\ninvariants = "some"', "2", "expect.invariants: 'some' says nothing"),
    ('[expect]\ninvariants = ["log_matching", "log_matching"]', "2", "has 'log_matching'"),
    ('[expect]\ninvariants = ["S1"]', "2", "expect.invariants has 'S1'"),
    ("[expect.cut]\nmin-ok = 1", "1", "expect: unknown key cut"),
    (
        step("1s", "kill n1", "a") + '[expect.a]\nmax-unavailable = { reed = "1s" }',
        "6",
        "expect.a.max-unavailable: unknown key reed",
    ),
    ("[sim]\nx = [1]", "2", "sim.x has to be a number"),
    ("[sim]\nx = nan", "2", "sim.x has to be a number"),
    ("[sim]\n" + "\n".join(f"x{n} = 1" for n in range(101)), "1", "sim has more than 100 keys"),
]


@pytest.mark.parametrize(("text", "line", "says"), BAD, ids=lambda part: str(part)[:40])
def test_bad_input_is_one_clear_error_with_its_line(text: str, line: str, says: str) -> None:
    error = refusal(text)
    assert says in error.message
    assert error.where == "some/where.toml" + (f":{line}" if line else "")
    assert str(error) == f"{error.where}: {error.message}"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("nods = 3", "did you mean nodes?"),
        (step("1s", "net --link 1:2 --latncy 5ms"), "did you mean --latency?"),
        (step("1s", "kill n1", "cut") + step("cot + 1s", "kill n2"), "did you mean cut?"),
        (step("leader-chang", "kill n1"), "did you mean leader-change?"),
        (step("1s", "kill n1", "cut") + "[expect.cot]", "did you mean cut?"),
        (step("1s", "partition n1", "cut") + step("2s", "heal cot"), "did you mean cut?"),
    ],
)
def test_slips_are_answered_with_what_was_meant(text: str, hint: str) -> None:
    assert refusal(text).hint == hint


def test_everything_has_a_limit() -> None:
    assert refusal("#" * (TEXT_BYTES_MAX + 1)).message == "it is too long"
    many = step("1s", "kill n1") * (STEPS_MAX + 1)
    assert refusal(many).message == f"{STEPS_MAX + 1} steps"
    assert "is too long" in refusal(step("1s", "kill " + "n1 " * 2000)).message


def test_the_most_steps_are_read_and_checked_in_time() -> None:
    chain = step("1s", "kill n1", "k0") + "".join(
        step(f"k{n} + 1ms", "kill leader", f"k{n + 1}") for n in range(STEPS_MAX - 1)
    )
    assert len(parse(chain).steps) == STEPS_MAX
