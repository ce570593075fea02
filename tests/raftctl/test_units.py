"""What the command line is made of, without a cluster."""

import json

import pytest

from raftctl.cluster.partitions import plan
from raftctl.documents import KINDS
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.schemas import json_schema
from raftctl.selectors import resolve
from raftctl.values import ago, check_name, seconds
from tests.raftctl.clusters import status


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["n1", "3"], [1, 3]),
        (["1,2"], [1, 2]),
        (["leader"], [2]),
        (["followers"], [1, 3, 4]),
        (["any-follower"], [1]),
        (["majority"], [2, 1, 3]),
        (["minority"], [4, 5]),
        (["lagging"], [4]),
        (["not:leader"], [1, 3, 4, 5]),
        (["n1", "rest"], [1, 2, 3, 4, 5]),
        (["all"], [1, 2, 3, 4, 5]),
        (["n2", "leader"], [2]),
    ],
)
def test_selectors(words: list[str], expected: list[int]) -> None:
    assert resolve(words, status(down=(5,))) == expected


@pytest.mark.parametrize(
    ("words", "code"),
    [([], Exit.USAGE), (["n9"], Exit.NOT_FOUND), (["boss"], Exit.USAGE)],
)
def test_bad_selectors_say_what_is_wrong(words: list[str], code: Exit) -> None:
    with pytest.raises(CliError) as caught:
        resolve(words, status())
    assert caught.value.exit_code == code
    assert caught.value.hint


def test_leader_of_a_cluster_without_one_is_exit_5() -> None:
    with pytest.raises(CliError) as caught:
        resolve(["leader"], status(leader=None))
    assert caught.value.exit_code == Exit.NO_QUORUM


def test_ages() -> None:
    assert [ago(n) for n in (41, 134, 11_100)] == ["41s", "2m14s", "3h05m"]


@pytest.mark.parametrize("text", ["ten", "", "30m1h", "3651d", "9" * 5000])
def test_duration_that_cannot_be_meant_is_exit_2(text: str) -> None:
    with pytest.raises(CliError) as caught:
        seconds(text)
    assert (caught.value.code, caught.value.exit_code) == ("E_USAGE", Exit.USAGE)


@pytest.mark.parametrize("name", ["demo", "3", "a-b_c", "x" * 64])
def test_names_of_clusters(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "-x", "_x", "é", "a/b", "..", "a b", "a\n", "x" * 65])
def test_what_is_no_name_of_a_cluster(name: str) -> None:
    with pytest.raises(CliError) as caught:
        check_name(name)
    assert caught.value.exit_code == Exit.USAGE


def test_groups_of_a_partition_and_what_is_left() -> None:
    made = plan(status(), ["1,2", "/", "3"], False, False, None, [])
    assert made.groups == ((1, 2), (3,), (4, 5))
    assert (1, 3) in made.links
    assert (3, 1) in made.links
    assert (1, 2) not in made.links


def test_shapes_of_partitions() -> None:
    ring = plan(status(), [], False, True, None, []).links
    assert {b for a, b in ring if a == 1} == {3, 4}
    bridge = plan(status(), [], False, False, "n3", []).links
    assert not [link for link in bridge if 3 in link]
    assert {(1, 4), (4, 1), (2, 5)} <= set(bridge)
    one_way = plan(status(), [], False, False, None, ["1:2"])
    assert one_way.links == ((1, 2),)
    halves = plan(status(), [], True, False, None, [])
    assert halves.groups == ((1, 2, 3), (4, 5))


def test_node_in_two_groups_is_refused() -> None:
    with pytest.raises(CliError, match="two groups"):
        plan(status(), ["1,2", "/", "2,3"], False, False, None, [])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_document_has_a_schema(kind: str) -> None:
    schema = json.loads(json.dumps(json_schema(kind)))
    assert schema["properties"]["schema"] == {"const": f"raftctl.{kind}/v1"}
    assert schema["required"][0] == "schema"
