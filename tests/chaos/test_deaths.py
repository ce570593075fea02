"""Processes of nodes that end, by themselves or not, between two looks at them."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from node.scenario.lines import parse_action
from node.scenario.scenario import Step
from node.scenario.when import At
from node.server.ownership import PidFile, write_pid
from raftctl.chaos.deaths import Death, Deaths, unexplained
from raftctl.chaos.injecting import Injected
from raftctl.cluster.directory import Cluster, find_cluster
from tests.raftctl.folders import make, settings_of

S = 1_000_000_000


class Node:
    """Who holds the lock of a node, as its process does."""

    def __init__(self, folder: Path, pid: int) -> None:
        self._file = PidFile(folder)
        self._files = ExitStack()
        self.begin(pid)

    def begin(self, pid: int) -> None:
        lock = self._file.claim()
        write_pid(lock, pid)
        self._files.callback(os.close, lock)

    def end(self) -> None:
        self._files.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    make(tmp_path)
    return find_cluster(settings_of(tmp_path))


@pytest.fixture
def node(cluster: Cluster) -> Iterator[Node]:
    found = Node(cluster.folder / "n2", 1001)
    yield found
    found.end()


@pytest.fixture
def deaths(cluster: Cluster, node: Node) -> Deaths:
    found = Deaths(cluster, time.monotonic_ns())
    found.look()
    return found


def test_node_that_ended_and_was_started_again_before_the_next_look_is_seen(
    deaths: Deaths, node: Node
) -> None:
    node.end()
    node.begin(1002)
    deaths.look()
    deaths.look()
    (death,) = deaths.seen
    assert death.node_id == 2
    assert 0 <= death.after_ns < death.before_ns


def test_node_that_ended_is_seen_once(deaths: Deaths, node: Node) -> None:
    node.end()
    deaths.look()
    deaths.look()
    assert [death.node_id for death in deaths.seen] == [2]


def test_end_on_purpose_is_no_death(deaths: Deaths, cluster: Cluster, node: Node) -> None:
    cluster.processes[2].note_end("killed -9")
    node.end()
    deaths.look()
    node.begin(1002)
    deaths.look()
    cluster.processes[2].note_end("stopped")
    deaths.look()
    node.end()
    node.begin(1003)
    deaths.look()
    assert deaths.seen == []


def step(line: str, *nodes: int, began: float, done: float | None = None) -> Injected:
    action = parse_action(line)
    done_ns = None if done is None else round(done * S)
    return Injected(0, Step(At(0), action), action, list(nodes), None, round(began * S), done_ns)


@pytest.mark.parametrize(
    "cause",
    [
        step("restart n2", 2, began=4, done=6),
        step("kill n2", 2, began=4),
        step("disk n2 --full", 2, began=1, done=1.1),
        step("members remove n2", 2, began=1, done=1.5),
    ],
)
def test_death_that_a_step_accounts_for_is_its_effect(cause: Injected) -> None:
    assert unexplained([Death(2, 5 * S, round(5.05 * S))], [cause]) == []


@pytest.mark.parametrize(
    "other",
    [
        step("restart n2", 2, began=1, done=2),
        step("kill n2", 2, began=6, done=7),
        step("restart n1", 1, began=4, done=6),
        step("pause n2", 2, began=4, done=6),
        step("disk n2 --slow 5ms", 2, began=1, done=1.1),
        step("disk n2 --full", 2, began=6, done=6.1),
    ],
)
def test_death_without_a_step_is_told_with_its_time(other: Injected) -> None:
    assert unexplained([Death(2, 5 * S, round(5.05 * S))], [other]) == ["n2 at 5.0 s"]
