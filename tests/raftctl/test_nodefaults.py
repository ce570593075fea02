"""What a bad disk or clock means for a cluster, and how it lies in faults.json."""

import json
import signal
from pathlib import Path

import pytest

from node.nodefaults import NodeRule
from node.scenario.actions import Clock, Disk
from node.scenario.lines import SIGNALS
from raftctl.cluster.directory import Cluster
from raftctl.cluster.faultsfile import FaultSet, SavedFault, failing_disk, read_faults
from raftctl.cluster.injection import add_fault
from raftctl.cluster.nodefaults import _effect, _rule, line_of
from raftctl.commands.nodes import _deadly_signal
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from tests.raftctl.clusters import status


def effect(action: Disk | Clock, *nodes: int, before: tuple[NodeRule, ...] = ()) -> str:
    """Of n1 to n5, of which n2 leads."""
    rule = _rule(action)
    made = [rule._replace(fault=9, node=node) for node in nodes]
    now = status()
    for row in now.nodes:
        row.voting = True
    now.quorum.voters = 5
    return _effect(rule, FaultSet(10, [], [], [*before, *made]), now)


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        ((1,), "no write is taken there; 4/5 can write, 3 are needed"),
        ((1, 2), "no write is taken there; 3/5 can write, 3 are needed, leader n2 gives way"),
        ((1, 2, 3), "no write is taken there; no quorum can write: 2 can, 3 are needed"),
    ],
)
def test_full_disks_are_counted_against_the_quorum(nodes: tuple[int, ...], says: str) -> None:
    assert effect(Disk((), "full"), *nodes) == says


def test_disks_that_other_faults_spoilt_count_as_well() -> None:
    before = (NodeRule(1, 3, "full"), NodeRule(2, 4, "fail"), NodeRule(3, 5, "slow"))
    says = effect(Disk((), "fail"), 1, before=before)
    assert says == "the next flush ends the node; no quorum can write: 2 can, 3 are needed"


def test_slow_disks_and_wrong_clocks_cost_no_quorum() -> None:
    assert effect(Disk((), "slow", 20_000), 1, 2, 3) == "each flush there takes 20ms longer"
    says = "the clock there runs at 1.5 times the right rate"
    assert effect(Clock((), rate=1.5), 1, 2, 3) == says


def test_fault_that_ends_takes_its_rules_of_nodes_along() -> None:
    rules = [NodeRule(1, 1, "full"), NodeRule(2, 1, "slow"), NodeRule(1, 2, "full")]
    faults = FaultSet(3, [SavedFault(1, "", "disk", "n1,n2 full", 0.0, None)], [], rules)
    faults.remove({1})
    assert [rule.fault for rule in faults.node_rules] == [2]
    assert faults.faults == []


def test_file_of_an_older_version_has_no_rules_of_nodes(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text('{"next_id": 4, "faults": [], "rules": []}')
    assert read_faults(Cluster("demo", tmp_path)).node_rules == []
    path.write_text(json.dumps({"next_id": 1, "faults": [], "rules": [], "node_rules": [{}]}))
    with pytest.raises(CliError) as caught:
        read_faults(Cluster("demo", tmp_path))
    assert caught.value.code == "E_FAULTS"


def test_disk_that_ends_a_node_with_its_next_flush_is_known(tmp_path: Path) -> None:
    cluster, path = Cluster("demo", tmp_path), tmp_path / "faults.json"
    assert failing_disk(cluster, 1) is None
    rules = [NodeRule(3, 1, "slow", delay_us=5), NodeRule(4, 1, "fail"), NodeRule(5, 2, "full")]
    saved = {"next_id": 6, "faults": [], "rules": [], "node_rules": [r.to_map() for r in rules]}
    path.write_text(json.dumps(saved))
    assert [failing_disk(cluster, number) for number in (1, 2, 3)] == [4, None, None]
    path.write_text("{")
    assert failing_disk(cluster, 1) is None


def test_two_faults_have_not_one_name() -> None:
    faults = FaultSet(1, [], [])
    add_fault(faults, "disk", "n1 full", "", None)
    add_fault(faults, "disk", "n2 full", "", None)
    add_fault(faults, "net", "n1:n2 drop 5%", "x", None)
    with pytest.raises(CliError, match="fault x already: #3 net n1:n2 drop 5%") as caught:
        add_fault(faults, "clock", "n1 rate 2", "x", None)
    assert caught.value.code == "E_EXISTS"
    assert len(faults.faults) == 3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "what is wrong with the disk?"),
        ({"--full": True, "--fail": True}, "what is wrong with the disk?"),
        ({"--slow": "0s"}, "--slow 0s: has to be more than 0"),
        ({"--slow": "20"}, "--slow 20 has no unit"),
        ({"--full": True, "--as": "leader"}, "'leader' is no name for a fault"),
        ({"--full": True, "--as": ""}, "'' is no name for a fault"),
    ],
)
def test_line_that_a_scenario_refuses_is_refused_here(
    options: dict[str, str | bool | None], says: str
) -> None:
    with pytest.raises(CliError) as caught:
        line_of("disk", ["n1"], options, None)
    assert (caught.value.exit_code, caught.value.code) == (Exit.USAGE, "E_USAGE")
    assert says in caught.value.message


@pytest.mark.parametrize("name", SIGNALS)
def test_every_signal_of_a_scenario_ends_a_node(name: str) -> None:
    wanted = signal.Signals[f"SIG{name}"]
    texts = [name, name.lower(), f"SIG{name}", *([SIGNALS[name]] if SIGNALS[name] else [])]
    assert [_deadly_signal(text) for text in texts] == [wanted] * len(texts)
