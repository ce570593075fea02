"""Which nodes a command means, and which links a fault has."""

import pytest

from node.faults import LinkRule
from raftctl.cluster.partitions import CUT, NOTHING, FaultPlan, plan, plan_links
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.selectors import resolve, resolve_group
from tests.raftctl.clusters import status


def shape(
    *groups: str, bridge: str | None = None, one_way: tuple[str, ...] = (), size: int = 5
) -> FaultPlan:
    return plan(status(size), groups, False, False, bridge, one_way)


def refusal_of(*words: str) -> CliError:
    with pytest.raises(CliError) as caught:
        resolve(words, status())
    return caught.value


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["not:n1,n2"], [3, 4, 5]),
        (["not:n1,leader", "n1"], [3, 4, 5, 1]),
        (["n1,not:1,3"], [1, 2, 4, 5]),
        (["not:n1", "n1"], [2, 3, 4, 5, 1]),
        (["not:not:leader"], [2]),
        (["n1, n3"], [1, 3]),
    ],
)
def test_not_excludes_all_that_its_word_names(words: list[str], expected: list[int]) -> None:
    assert resolve(words, status()) == expected


@pytest.mark.parametrize("words", [["rest"], ["not:rest"], ["rest", "n1"]])
def test_rest_of_nothing_is_refused(words: list[str]) -> None:
    error = refusal_of(*words)
    assert (error.exit_code, error.message) == (Exit.USAGE, "rest of what?")


def test_rest_is_what_other_groups_and_the_left_end_leave_over() -> None:
    assert resolve_group("rest", status(), [1, 2]) == [3, 4, 5]
    assert shape("1,2", "/", "rest").groups == ((1, 2), (3, 4, 5))
    assert shape(one_way=("leader:rest",)).links == ((2, 1), (2, 3), (2, 4), (2, 5))
    with pytest.raises(CliError, match="rest of what"):
        shape("rest", "/", "1,2")


@pytest.mark.parametrize("word", ["n²", "٣", "n" + "9" * 5000, "not:", "n1.5"])
def test_what_is_no_node_is_a_usage_error(word: str) -> None:
    assert refusal_of(word).exit_code == Exit.USAGE


def test_one_of_several_is_rather_one_with_a_vote() -> None:
    seen = status(down=(5,))
    seen.nodes[0].voting = False
    words = ("any", "any-follower", "follower")
    assert [resolve([word], seen) for word in words] == [[2], [3], [3]]
    for row in seen.nodes:
        row.voting = False
    assert resolve(["any"], seen) == [1]


def test_nobody_is_an_answer() -> None:
    seen = status()
    seen.nodes[3].lag = 0
    assert resolve(["lagging"], seen) == []


def test_links_with_not_on_either_side() -> None:
    assert shape(one_way=("leader:not:leader",)).links == ((2, 1), (2, 3), (2, 4), (2, 5))
    cut = plan_links(status(), ["not:leader:leader"], CUT)
    assert cut.links == ((1, 2), (3, 2), (4, 2), (5, 2))
    assert shape(one_way=("not:1,2:not:not:3",)).links == ((4, 3), (5, 3))


@pytest.mark.parametrize("text", ["1", "1:", ":2", "1:2:3", "1:1", "lagging:4"])
def test_what_is_no_link_is_refused(text: str) -> None:
    with pytest.raises(CliError) as caught:
        shape(one_way=(text,))
    assert caught.value.exit_code == Exit.USAGE


@pytest.mark.parametrize(("text", "size"), [("n1", 2), ("n1", 1), ("1,2", 5), ("not:all", 5)])
def test_bridge_that_joins_nothing_is_refused(text: str, size: int) -> None:
    with pytest.raises(CliError) as caught:
        shape(bridge=text, size=size)
    assert caught.value.exit_code == Exit.USAGE


def test_links_read_by_source_and_many_are_counted() -> None:
    assert shape(one_way=("1:2", "2:1", "1:3")).spec == "n1:n2,n3 n2:n1"
    assert shape(one_way=("all:all",)).spec == "20 links"


@pytest.mark.parametrize(
    ("effects", "reads"),
    [
        (LinkRule(0, 0, 0, drop=0.001), "drop 0.1%"),
        (LinkRule(0, 0, 0, drop=0.1, corrupt=1.0), "drop 10% corrupt 100%"),
        (LinkRule(0, 0, 0, duplicate=0.00025), "dup 0.025%"),
    ],
)
def test_a_small_share_is_not_shown_as_none(effects: LinkRule, reads: str) -> None:
    assert effects != NOTHING
    assert plan_links(status(), ["1:2"], effects).spec == f"n1:n2 {reads}"
