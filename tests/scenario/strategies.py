"""Actions and scenarios of all kinds, for the properties that hold for each of them.

Everything here is possible in a cluster of five.
"""

from typing import Literal

from hypothesis import strategies as st

from node.scenario.actions import (
    Action,
    Clock,
    Disk,
    Heal,
    Kill,
    MembersAdd,
    MembersDemote,
    MembersPromote,
    MembersRemove,
    MembersReplace,
    Net,
    Partition,
    Pause,
    Restart,
    Resume,
    SnapshotTake,
    Start,
    Stop,
    Transfer,
    Wipe,
    ending,
)
from node.scenario.effects import MESSAGES, link_effects
from node.scenario.lines import SIGNALS
from node.scenario.quantities import share_text
from node.scenario.scenario import (
    MIXES,
    Expect,
    RandomFaults,
    Scenario,
    Span,
    Step,
    StepBudget,
    Workload,
)
from node.scenario.when import After, At, LeaderChange, Mark, When

SELECTORS = ("n1", "2", "leader", "any", "n4,n5", "not:leader", "minority", "followers", "lagging")
LINKS = ("n1:n2", "leader:any", "not:leader:leader", "all:all")
GROUPS = ("leader", "1,2 / rest", "leader, any-follower / rest", "n1 / n2 / n3", "not:n1,n2")

words = st.lists(st.sampled_from(SELECTORS), min_size=1, max_size=4).map(tuple)
delays_us = st.integers(1, 1_000_000)
shares = st.floats(0, 1).map(lambda share: share_text(round(share, 12)))
links = st.lists(st.sampled_from(LINKS), min_size=1, max_size=3).map(tuple)

effects = st.builds(
    link_effects,
    st.none() | st.tuples(delays_us, delays_us).map(lambda d: f"{d[0] / 1000}ms+-{d[1] / 1000}ms"),
    shares,
    shares,
    shares,
    shares,
    st.none() | st.integers(1, 10**9).map(str),
    st.lists(st.sampled_from(MESSAGES), unique=True, max_size=3),
).filter(lambda rule: (rule.latency_ms, rule.drop, rule.rate_bytes_s) != (0, 0, 0))
partitions = st.one_of(
    st.sampled_from(GROUPS).map(lambda text: Partition(groups=tuple(text.split()))),
    st.sampled_from([Partition(halves=True), Partition(ring=True), Partition(bridge="leader")]),
    st.builds(Partition, one_way=links),
)
disks = st.one_of(
    st.builds(Disk, words, st.sampled_from(["stall", "slow"]), delays_us),
    st.builds(Disk, words, st.sampled_from(["full", "fail"])),
)
rates = st.floats(0.01, 100).map(lambda rate: round(rate, 9)).filter(lambda rate: rate != 1)
clocks = st.builds(Clock, words, rate=rates) | st.builds(Clock, words, jump_us=delays_us)
faults: st.SearchStrategy[Action] = st.one_of(
    partitions,
    disks,
    clocks,
    st.builds(Net, links, effects),
    st.builds(Kill, words, st.sampled_from(list(SIGNALS))),
    *(st.builds(kind, words) for kind in (Stop, Pause)),
)
repairs: st.SearchStrategy[Action] = st.one_of(
    st.sampled_from([Heal(), Heal("n1:n2"), Transfer(), Transfer("any-follower"), SnapshotTake()]),
    st.builds(Restart, words, st.just(0) | delays_us),
    st.builds(MembersReplace, st.sampled_from(["leader", "n3"])),
    st.builds(MembersAdd, st.none(), st.booleans(), st.integers(0, 100)),
    *(
        st.builds(kind, words)
        for kind in (
            Start,
            Resume,
            Wipe,
            SnapshotTake,
            MembersPromote,
            MembersDemote,
            MembersRemove,
        )
    ),
)
actions = faults | repairs

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
spans = st.tuples(st.integers(500_000, 10**6), st.integers(0, 10**6)).map(
    lambda ends: Span(ends[0], ends[0] + ends[1])
)


@st.composite
def steps(draw: st.DrawFn) -> tuple[Step, ...]:
    made: list[Step] = []
    for number in range(draw(st.integers(0, 6))):
        action = draw(actions)
        has_end = ending(action) is not None
        lasts_us = draw(st.none() | delays_us) if has_end else None
        name = draw(st.sampled_from(["", f"step-{number}"]))
        made.append(Step(_when(draw, made), action, name, lasts_us))
    return tuple(made)


def _when(draw: st.DrawFn, before: list[Step]) -> When:
    marks = [Mark(step.name) for step in before if step.name]
    marks += [Mark(step.name, True) for step in before if step.name and step.lasts_us]
    kinds = ["at", "leader"] + ["after"] * bool(marks)
    match draw(st.sampled_from(kinds)):
        case "after":
            return After(draw(st.sampled_from(marks)), draw(delays_us))
        case "leader":
            return LeaderChange(draw(st.sampled_from([None, *marks])), draw(delays_us))
        case _:
            return At(draw(delays_us))


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    kind = draw(st.sampled_from(list(MIXES)))
    operations = st.sampled_from(list(MIXES[kind]))
    mix = draw(st.dictionaries(operations, st.integers(1, 1000), min_size=1))
    small = st.integers(1, 100)
    return Workload(kind, draw(small), draw(small), draw(small), draw(small), mix, 1_000_000)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    own = draw(steps())
    names = [step.name for step in own if step.name]
    budget = st.builds(
        StepBudget,
        st.dictionaries(st.sampled_from(["read", "write"]), st.integers(1_000, 10**7)),
        st.integers(0, 1000),
    )
    asked: list[Literal["all", "none"] | tuple[str, ...]] = ["all", "none", ()]
    asked.append(("log_matching", "index_order"))
    invariants = st.sampled_from(asked)
    budgets = st.dictionaries(st.sampled_from(names), budget) if names else st.just({})
    options = st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
    plan = None
    if draw(st.booleans()):
        chosen = draw(st.lists(faults, min_size=1, max_size=4, unique=True))
        weighted = tuple((action, draw(st.integers(1, 9))) for action in chosen)
        plan = RandomFaults(10**6, 20 * 10**6, draw(spans), draw(spans), weighted, "any")
    return Scenario(
        name=draw(st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)),
        about=draw(texts),
        nodes=5,
        seed=draw(st.integers(0, 2**63 - 1)),
        duration_us=60_000_000,
        workload=draw(workloads()),
        steps=own,
        random=plan,
        expect=Expect(
            draw(st.booleans()), draw(invariants), draw(st.none() | st.just(10**7)), draw(budgets)
        ),
        sim=draw(st.dictionaries(texts.filter(bool), options | texts, max_size=4)),
    )
