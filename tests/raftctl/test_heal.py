"""Healing one link of a fault that has several."""

import pytest

from raftctl.cluster.faultsfile import FaultSet, SavedFault
from raftctl.cluster.partitions import plan
from raftctl.commands.faults import ease, ended_by, link_of
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from tests.measure.commands import Raftctl
from tests.raftctl.clusters import status


def cut(*links: tuple[str, ...]) -> FaultSet:
    """A fault for each group of links, numbered from 1."""
    faults = FaultSet(len(links) + 1, [], [])
    for number, texts in enumerate(links, 1):
        made = plan(status(), [], False, False, None, texts)
        faults.faults.append(SavedFault(number, "", made.kind, made.spec, 0.0, None))
        faults.rules += made.rules(number, "", None)
    return faults


def links_of(faults: FaultSet) -> list[tuple[int, int, int]]:
    return [(rule.fault, rule.src, rule.dst) for rule in faults.rules]


def test_healed_link_leaves_the_others_of_its_fault() -> None:
    faults = cut(("1:2", "1:3", "2:1"), ("3:1",))
    assert ease(faults, 1, 2) == {1}
    assert ended_by(faults, {1}) == set()
    assert links_of(faults) == [(1, 1, 3), (1, 2, 1), (2, 3, 1)]
    assert faults.faults[0].spec == "n1:n2,n3 n2:n1 without n1:n2"
    assert ease(faults, 2, 1) == {1}
    assert faults.faults[0].spec == "n1:n2,n3 n2:n1 without n1:n2,n2:n1"


def test_fault_without_a_link_is_over() -> None:
    faults = cut(("1:2",), ("1:2", "2:1"))
    eased = ease(faults, 1, 2)
    assert eased == {1, 2}
    assert ended_by(faults, eased) == {1}


def test_link_without_a_fault_is_exit_9() -> None:
    with pytest.raises(CliError) as caught:
        ease(cut(("1:2",)), 2, 1)
    assert caught.value.exit_code == Exit.NOT_FOUND


def test_what_is_a_link() -> None:
    assert [link_of(text) for text in ("1:2", "n1:n12", "slow", "#1", "all")] == [
        (1, 2), (1, 12), None, None, None,
    ]  # fmt: skip
    for text in ("1:", ":2", "1:2:3", "leader:2", "1²:2"):
        with pytest.raises(CliError) as caught:
            link_of(text)
        assert caught.value.exit_code == Exit.USAGE


@pytest.mark.e2e
def test_heal_mends_a_link_on_the_nodes_and_keeps_the_fault(raftctl: Raftctl) -> None:
    raftctl.run("up", "-n", "3")
    leader = raftctl.document("status")["leader"]
    one, two = (name for name in ("n1", "n2", "n3") if name != leader)
    raftctl.run("partition", "--one-way", f"{one}:{two}", "--one-way", f"{two}:{one}")
    done = raftctl.run("heal", f"{one}:{two}")
    assert done.stdout == f"healed {one}:{two} of #1; 1 left\n"
    (fault,) = raftctl.document("faults")["faults"]
    assert fault["spec"].endswith(f" without {one}:{two}")
    assert raftctl.document("heal", f"{two}:{one}")["healed"] == [1]
    assert raftctl.document("faults")["faults"] == []
