"""The background faults of a scenario, drawn into steps.

A budget of quorum-safe counts voters: at every moment those that are harmed, by the scenario's own
steps and by the drawn ones, are at most a minority. Who is meant is known only later, so each fault
counts for the most that it can harm, a node that two faults harm counts twice, and a step of which
nobody knows when it comes or ends counts from its earliest moment to the end. Links that are slow
or lose less than half harm nobody: whoever is behind them can still be reached.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from node.scenario.actions import (
    Action,
    Disk,
    Kill,
    MembersAdd,
    MembersDemote,
    MembersRemove,
    MembersReplace,
    Net,
    Partition,
    Pause,
    Restart,
    Stop,
    Wipe,
    ending,
)
from node.scenario.errors import ScenarioError
from node.scenario.links import FaultPlan
from node.scenario.resolving import nodes_of, plan_of
from node.scenario.scenario import RandomFaults, Scenario, Span, Step
from node.scenario.selectors import Scene
from node.scenario.timing import Window, windows
from node.scenario.when import At

LOSSY = 0.5
"""A link that loses this share of its messages, or more, counts as cut."""


@dataclass(frozen=True, slots=True)
class _Harm:
    """So many voters are harmed, from one moment to another."""

    from_us: int
    to_us: int
    voters: int
    is_partition: bool

    def overlaps(self, from_us: int, to_us: int) -> bool:
        return self.from_us < to_us and from_us < self.to_us


def expand(scenario: Scenario, rng: random.Random) -> Scenario:
    """The same scenario with its background faults as steps, and no `random` any more.

    They stand behind its own steps, each at a time, for a time. A fault that does not fit the
    budget at its moment is not chosen; where none fits, the moment passes. No partition is drawn
    while another one may hold, as it would replace it. All that have an end, end by `random.to_us`.
    """
    plan = scenario.random
    if plan is None:
        return scenario
    harms = _harms_of_steps(scenario, plan)
    minority = _minority(scenario)
    harmed = {action: voters_harmed(action, scenario.nodes) for action, _ in plan.faults}
    steps: list[Step] = []
    now_us = plan.from_us + _draw(plan.every, rng)
    while now_us + plan.lasts.least_us <= plan.to_us:
        lasts_us = min(_draw(plan.lasts, rng), plan.to_us - now_us)
        harms = [each for each in harms if each.to_us > now_us]
        fitting: list[tuple[Step, _Harm]] = []
        weights: list[int] = []
        for action, weight in plan.faults:
            step = Step(At(now_us), action, lasts_us=lasts_us if ending(action) else None)
            harm = _harm(scenario, plan, step, Window(now_us, now_us), harmed[action])
            if _fits(plan, harm, harms, minority):
                fitting.append((step, harm))
                weights.append(weight)
        if fitting:
            (chosen,) = rng.choices(fitting, weights)
            steps.append(chosen[0])
            harms.append(chosen[1])
        now_us += _draw(plan.every, rng)
    return replace(scenario, steps=(*scenario.steps, *steps), random=None)


def check_drawable(scenario: Scenario, plan: RandomFaults, action: Action) -> None:
    """Raises ScenarioError for a fault that cannot be drawn again and again, or never at all."""
    if (isinstance(action, MembersAdd) and action.node is not None) or (
        isinstance(action, MembersReplace) and action.new is not None
    ):
        raise ScenarioError("no id comes twice", "leave the new node's id out")
    harmed, minority = voters_harmed(action, scenario.nodes), _minority(scenario)
    if plan.budget == "quorum-safe" and harmed > minority:
        raise ScenarioError(
            f"it harms up to {harmed} voters, and {minority} are the most that is quorum-safe",
            'budget = "any" allows it',
        )


def voters_harmed(action: Action, nodes: int) -> int:
    """How many of so many voters an action takes from the cluster while it holds, at the most."""
    scene = _calm(nodes)
    match action:
        case Partition():
            return _lost_by(plan_of(action, scene), nodes)
        case Net():
            cuts = max(action.effects.drop, action.effects.corrupt) >= LOSSY
            return _lost_by(plan_of(action, scene), nodes) if cuts else 0
        case Restart():
            return min(len(nodes_of(action, scene)), 1)
        case Kill() | Stop() | Pause() | Wipe() | Disk():
            return len(nodes_of(action, scene))
        case MembersDemote() | MembersRemove() | MembersReplace():
            return len(nodes_of(action, scene))
        case _:
            return 0


def _lost_by(plan: FaultPlan, nodes: int) -> int:
    """What a majority can spare, less the voters that may still be lost beside these links.

    A leader needs a majority that it reaches. Whoever is lost beside may be those that reach the
    most, so as many have to be left out of account, and out of reach of the next one.
    """
    cut = {frozenset(link) for link in plan.links}
    everyone = range(1, nodes + 1)
    reach = sorted(
        (sum(frozenset((a, b)) not in cut for b in everyone) for a in everyone), reverse=True
    )
    spare = (nodes - 1) // 2
    for further in range(spare, -1, -1):
        if reach[further] - further >= nodes // 2 + 1:
            return spare - further
    return nodes


def _calm(nodes: int) -> Scene:
    """A cluster in which all is well."""
    ids = tuple(range(1, nodes + 1))
    return Scene(ids, leader=1, running=ids, voters=ids, lagging=ids[1:])


def _minority(scenario: Scenario) -> int:
    """How many voters the cluster can lose, once all are gone that steps take from it."""
    leaving = [
        len(nodes_of(step.action, _calm(scenario.nodes)))
        for step in scenario.steps
        if isinstance(step.action, MembersDemote | MembersRemove)
    ]
    return max(scenario.nodes - sum(leaving) - 1, 0) // 2


def _harms_of_steps(scenario: Scenario, plan: RandomFaults) -> list[_Harm]:
    return [
        _harm(scenario, plan, step, window, voters_harmed(step.action, scenario.nodes))
        for step, window in zip(scenario.steps, windows(scenario), strict=True)
        if not isinstance(step.action, MembersDemote | MembersRemove)  # in `_minority`
    ]


def _harm(scenario: Scenario, plan: RandomFaults, step: Step, window: Window, voters: int) -> _Harm:
    action, lasts_us = step.action, step.lasts_us
    match action:
        case Disk(kind="stall"):
            lasts_us = action.delay_us
        case Restart() | MembersReplace():  # it takes its time, as a drawn fault does
            lasts_us = plan.lasts.most_us
    to_us = scenario.duration_us
    if window.latest_us is not None and lasts_us is not None:
        to_us = window.latest_us + lasts_us
    return _Harm(window.earliest_us, to_us, voters, isinstance(action, Partition))


def _fits(plan: RandomFaults, harm: _Harm, harms: Sequence[_Harm], minority: int) -> bool:
    at_once = [each for each in harms if each.overlaps(harm.from_us, harm.to_us)]
    if harm.is_partition and any(each.is_partition for each in at_once):
        return False
    return plan.budget == "any" or harm.voters + sum(each.voters for each in at_once) <= minority


def _draw(span: Span, rng: random.Random) -> int:
    return rng.randint(span.least_us, span.most_us)
