"""A scenario with some of its steps gone: what spoke of them goes too."""

import re
from dataclasses import replace

from node.scenario.actions import Heal
from node.scenario.errors import ScenarioError
from node.scenario.names import link_of
from node.scenario.possible import check_possible
from node.scenario.scenario import Scenario, Step
from node.scenario.when import mark_of


def without_orphans(scenario: Scenario) -> Scenario:
    """Without the steps that wait for a step that is not there, or heal it, and without what is
    expected of such steps.
    """
    steps = scenario.steps
    while True:
        names = {step.name for step in steps if step.name}
        kept = tuple(step for step in steps if _refers_to(step) <= names)
        if kept == steps:
            break
        steps = kept
    budgets = {name: budget for name, budget in scenario.expect.steps.items() if name in names}
    return replace(scenario, steps=steps, expect=replace(scenario.expect, steps=budgets))


def possible_part(scenario: Scenario) -> Scenario:
    """Without the steps that can never happen, and so would be refused. Raises ScenarioError for
    what is wrong with anything else.
    """
    while True:
        try:
            check_possible(scenario)
        except ScenarioError as error:
            found = re.match(r"step\.([0-9]+)\.", error.key)
            if found is None:
                raise
            place = int(found[1])
            steps = scenario.steps[:place] + scenario.steps[place + 1 :]
            scenario = without_orphans(replace(scenario, steps=steps))
        else:
            return scenario


def _refers_to(step: Step) -> set[str]:
    """The names of the steps that it has to do with."""
    mark = mark_of(step.when)
    names = {mark.name} if mark else set()
    if isinstance(step.action, Heal) and step.action.what != "all":
        names |= set() if link_of(step.action.what) else {step.action.what}
    return names
