"""Whom actions mean, in a scene."""

import random

import pytest

from node.scenario.actions import Net, Partition
from node.scenario.errors import LeaderlessError, NoSuchNodeError, ScenarioError, SelectorError
from node.scenario.lines import parse_action
from node.scenario.resolving import concerned, fixed, nodes_of, plan_of
from node.scenario.selectors import Scene, resolve, resolve_group

SCENE = Scene((1, 2, 3, 4, 5), 2, running=(1, 2, 3, 4), voters=(1, 2, 3, 4, 5), lagging=(4,))


@pytest.mark.parametrize(
    ("line", "nodes"),
    [
        ("kill leader", [2]),
        ("pause n1,n5", [1, 5]),
        ("stop followers", [1, 3, 4]),
        ("restart lagging", [4]),
        ("disk any-follower --full", [1]),
        ("snapshot take", [2]),
        ("snapshot take n3", [3]),
        ("transfer n3", [3]),
        ("transfer", []),
        ("members replace leader", [2]),
        ("members remove not:leader", [1, 3, 4, 5]),
        ("members add", []),
        ("heal", []),
        ("partition n1", []),
    ],
)
def test_nodes_of_actions(line: str, nodes: list[int]) -> None:
    assert nodes_of(parse_action(line), SCENE) == nodes


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("kill n9", NoSuchNodeError),
        ("kill leader", LeaderlessError),
        ("kill boss", SelectorError),
        ("transfer n1,n2", ScenarioError),
    ],
)
def test_nobody_can_be_meant(line: str, error: type[ScenarioError]) -> None:
    leaderless = Scene((1, 2, 3), None, running=(1, 2, 3), voters=(1, 2, 3))
    with pytest.raises(error):
        nodes_of(parse_action(line), leaderless)


def test_links_of_actions() -> None:
    cut = parse_action("partition 1,2 / rest")
    slow = parse_action("net --link leader:any --drop 5%")
    assert isinstance(cut, Partition)
    assert isinstance(slow, Net)
    assert plan_of(cut, SCENE).groups == ((1, 2), (3, 4, 5))
    plan = plan_of(slow, SCENE)
    assert (plan.links, plan.effects, plan.spec) == (((2, 1),), slow.effects, "n2:n1 drop 5%")


def test_a_choice_is_the_first_or_drawn() -> None:
    assert resolve(["any"], SCENE) == [1]
    seen = {resolve(["any"], SCENE, random.Random(seed))[0] for seed in range(50)}
    assert seen == {1, 2, 3, 4}
    seen = {resolve(["any-follower"], SCENE, random.Random(seed))[0] for seed in range(50)}
    assert seen == {1, 3, 4}
    assert resolve(["any"], SCENE, random.Random(3)) == resolve(["any"], SCENE, random.Random(3))


def test_a_drawn_node_has_a_vote_if_one_has() -> None:
    scene = Scene((1, 2, 3), 1, running=(1, 2, 3), voters=(1, 3), wiped=(1,))
    assert {resolve(["any"], scene, random.Random(seed))[0] for seed in range(20)} == {3}


def test_any_of_a_group_is_none_of_the_groups_before() -> None:
    """`leader:any` is a link whoever leads, and `leader / any` are two groups."""
    leading = Scene((1, 2, 3), 1, running=(1, 2, 3), voters=(1, 2, 3))
    slow = Net(("leader:any",), parse_action("net --link 1:2 --drop 5%").effects)  # type: ignore[union-attr]
    assert plan_of(slow, leading).links == ((1, 2),)
    assert plan_of(Partition(("leader", "/", "any")), leading).groups == ((1,), (2,), (3,))
    assert resolve_group("any", leading, [1, 2, 3]) == [1]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("kill leader", "kill n2"),
        ("pause followers", "pause n1 n3 n4 n5"),
        ("partition leader, any-follower / rest", "partition n1,n2 / n3,n4,n5"),
        ("partition --halves", "partition n1,n2,n3 / n4,n5"),
        ("partition --ring", "partition --ring"),
        ("partition --bridge leader", "partition --bridge n2"),
        ("partition --one-way leader:n1", "partition --one-way n2:n1"),
        ("net --link leader:n1 --drop 5%", "net --link n2:n1 --drop 5%"),
        ("transfer any-follower", "transfer n1"),
        ("transfer", "transfer"),
        ("members replace leader", "members replace n2"),
        ("restart all --stagger 200ms", "restart n1 n2 n3 n4 n5 --stagger 200ms"),
        ("heal cut", "heal cut"),
    ],
)
def test_fixed_means_the_same_nodes_by_their_names(line: str, expected: str) -> None:
    scene = Scene(tuple(range(1, 6)), 2, {1, 2, 3, 4, 5}, {1, 2, 3, 4, 5})
    action = fixed(parse_action(line), scene)
    assert str(action) == expected
    assert fixed(action, scene) == action


@pytest.mark.parametrize(
    ("line", "nodes"),
    [
        ("kill n2", [2]),
        ("partition n1,n5 / n2,n3,n4", [1, 5]),
        ("partition n2", [2]),
        ("partition n1 / n2 / n3,n4,n5", [1, 2]),
        ("partition n1,n2 / n3,n4 / n5", [1, 2, 3, 4, 5]),
        ("partition --ring", [1, 2, 3, 4, 5]),
        ("partition --bridge n3", [1, 2, 4, 5]),
        ("partition --one-way n2:n1", [1, 2]),
        ("net --link n2:n1 --link n2:n3 --drop 5%", [1, 2, 3]),
        ("heal", []),
    ],
)
def test_fault_of_links_concerns_who_is_cut_off_or_at_their_ends(
    line: str, nodes: list[int]
) -> None:
    assert concerned(parse_action(line), SCENE) == nodes
