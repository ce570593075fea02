"""What can never happen in a scenario is refused before it runs: nobody learns from it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from node.config import unknown_key
from node.scenario.actions import (
    Action,
    Heal,
    MembersAdd,
    MembersReplace,
    Net,
    Partition,
    Transfer,
    ending,
)
from node.scenario.background import check_drawable
from node.scenario.errors import NoSuchNodeError, ScenarioError
from node.scenario.names import link_of
from node.scenario.quantities import duration_text
from node.scenario.resolving import nodes_of, plan_of
from node.scenario.scenario import STEPS_MAX, RandomFaults, Scenario, Step
from node.scenario.selectors import Scene
from node.scenario.timing import Window, may_be_healed, windows
from node.scenario.when import mark_of


def check_possible(scenario: Scenario) -> None:
    """Raises ScenarioError, with the key of the step."""
    found = windows(scenario)
    named = {step.name: step for step in scenario.steps if step.name}
    comers = [
        (place, step.action)
        for place, step in enumerate(scenario.steps)
        if isinstance(step.action, MembersAdd | MembersReplace)
    ]
    for place, (step, window) in enumerate(zip(scenario.steps, found, strict=True)):
        _check_times(scenario, place, step, window)
        _check_mark(scenario, named, place, step)
        earlier = [
            action
            for other, action in comers
            if other != place and found[other].may_precede(window)
        ]
        with _naming(f"step.{place}.do", f"step {place + 1}: do"):
            _check_action(step.action, ids_after(scenario.nodes, earlier), scenario)
    if scenario.random is not None:
        ids = ids_after(scenario.nodes, [action for _, action in comers])
        _check_random(scenario, scenario.random, ids)


@contextmanager
def _naming(key: str, what: str) -> Iterator[None]:
    try:
        yield
    except ScenarioError as error:
        raise error.under(key, what) from error


def _check_random(scenario: Scenario, plan: RandomFaults, ids: tuple[int, ...]) -> None:
    span_us = plan.to_us - plan.from_us
    if plan.every.least_us + plan.lasts.least_us > span_us:
        hint = "more time between from and to, or a shorter every and for"
        raise ScenarioError("random: no fault has the time to come and end", hint, "random.to")
    if span_us // plan.every.least_us + len(scenario.steps) > STEPS_MAX:
        message = f"random.every makes more than {STEPS_MAX} steps"
        raise ScenarioError(message, "less often, or not for so long", "random.every")
    for action, _ in plan.faults:
        with _naming(f"random.faults.{action}", f"random.faults: {action}"):
            _check_action(action, ids, scenario)
            check_drawable(scenario, plan, action)


# -- times ---------------------------------------------------------------------------------------
def _check_times(scenario: Scenario, place: int, step: Step, window: Window) -> None:
    end_us = scenario.duration_us
    if window.earliest_us >= end_us:
        raise ScenarioError(
            f"step {place + 1}: when: it comes at {duration_text(window.earliest_us)} at the "
            f"earliest, and the scenario ends after {duration_text(end_us)}",
            "come sooner, or make duration longer",
            f"step.{place}.when",
        )
    ends_us = window.earliest_us + (step.lasts_us or 0)
    if step.lasts_us is not None and ends_us > end_us:
        raise ScenarioError(
            f"step {place + 1}: for: it would last until {duration_text(ends_us)}, and the "
            f"scenario ends after {duration_text(end_us)}",
            "make it shorter, or leave it out: at the end everything is healed",
            f"step.{place}.for",
        )


def _check_mark(scenario: Scenario, named: Mapping[str, Step], place: int, step: Step) -> None:
    mark = mark_of(step.when)
    if mark is None or not mark.healed:
        return
    if not may_be_healed(named[mark.name], scenario.steps):
        raise ScenarioError(
            f"step {place + 1}: when: nothing ever ends {mark.name}",
            'give it an end: for = "10s"',
            f"step.{place}.when",
        )


# -- whom and what ---------------------------------------------------------------------------------
def ids_after(nodes: int, comers: Sequence[MembersAdd | MembersReplace]) -> tuple[int, ...]:
    """The ids that there may be once these have come, in whatever order."""
    ids = set(range(1, nodes + 1))
    wanted = [each.node if isinstance(each, MembersAdd) else each.new for each in comers]
    ids.update(node_id for node_id in wanted if node_id is not None)
    for _ in range(wanted.count(None)):
        ids.add(max(ids) + 1)
    return tuple(sorted(ids))


def _check_action(action: Action, ids: tuple[int, ...], scenario: Scenario) -> None:
    """Whether it could mean somebody, in one of the scenes that there may be."""
    match action:
        case MembersAdd():
            if action.node in ids:
                raise ScenarioError(f"n{action.node} is a member already", "another id, or none")
        case Heal():
            _check_heal(action, ids, scenario.steps)
        case Transfer(target=None):
            pass
        case _:
            _check_targets(action, ids)


def _check_targets(action: Action, ids: tuple[int, ...]) -> None:
    refusal: ScenarioError | None = None
    for leader in ids:
        followers = tuple(each for each in ids if each != leader)
        scene = Scene(ids, leader, running=ids, voters=ids, lagging=followers)
        try:
            if isinstance(action, Partition | Net):
                plan_of(action, scene)
            elif not nodes_of(action, scene):
                raise NoSuchNodeError("that is never anybody")
        except ScenarioError as error:
            refusal = refusal or error
        else:
            return
    assert refusal is not None, "there is always a node that may lead"
    raise refusal


def _check_heal(action: Heal, ids: tuple[int, ...], steps: Sequence[Step]) -> None:
    if action.what == "all":
        return
    if link := link_of(action.what):
        for node_id in set(link).difference(ids):
            raise NoSuchNodeError(f"the cluster has no node n{node_id}")
        return
    named = {step.name: step.action for step in steps if step.name}
    if action.what not in named:
        found = unknown_key(action.what, action.what, named)
        hint = found.hint if named else 'name a step: as = "cut"'
        raise ScenarioError(f"no step is called {action.what}", hint)
    healed_by = ending(named[action.what])
    if healed_by != "heal":
        hint = f"{healed_by} ends it" if healed_by else "it has no end"
        raise ScenarioError(f"{action.what} is nothing to heal: {named[action.what]}", hint)
