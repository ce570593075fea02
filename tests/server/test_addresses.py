"""Whom a node links to, as nodes come, go and move."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import trio
from trio.testing import MockClock

from node.config import ClusterSpec, NodeAddress, first_configuration, save_cluster
from node.raft.configuration import Configuration
from node.server.addresses import LOOK_SECONDS, AddressBook, Links
from node.transport.peers import PeerLink


class Line:
    """A link that cannot be told from a real one by who owns it."""

    def __init__(self, address: NodeAddress) -> None:
        self.address = address
        self.is_connected = False
        self.is_running = False

    async def run(self) -> None:
        self.is_running = True
        try:
            await trio.sleep_forever()
        finally:
            self.is_running = False


class Office:
    """The links of node 1 of a cluster whose file lies in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.lines: list[Line] = []
        self.book = AddressBook(folder, 1, self.save(1, 2, 3))
        self.links = Links(self.book, self._make)

    def save(self, *ids: int, moved_by: int = 0) -> tuple[NodeAddress, ...]:
        nodes = tuple(NodeAddress(each, "127.0.0.1", 26000 + each + moved_by) for each in ids)
        save_cluster(self._folder, ClusterSpec("demo", "c1", nodes))
        return nodes

    def _make(self, address: NodeAddress) -> PeerLink:
        self.lines.append(Line(address))
        return cast(PeerLink, self.lines[-1])

    @property
    def running(self) -> list[str]:
        return sorted(line.address.text for line in self.lines if line.is_running)


def members(*ids: int) -> Configuration:
    return first_configuration([NodeAddress(each, "127.0.0.1", 26000 + each) for each in ids])


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def dialled_by_a_newcomer(office: Office) -> None:
    office.save(1, 2, 4)
    office.links.open(4)


def watch(office: Office, *steps: Callable[[], object]) -> list[list[str]]:
    """What runs at first, and after each step; each gets the time to be noticed."""
    found: list[list[str]] = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(office.links.run)
            for step in (lambda: None, *steps):
                step()
                await trio.sleep(LOOK_SECONDS * 1.5)
                found.append(office.running)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))
    return found


def test_node_that_moved_is_dialled_where_it_is_now(office: Office) -> None:
    """It was added again, elsewhere, before it was missed; or an operator moved it."""
    office.links.follow(members(1, 2, 3))
    first, second = watch(office, lambda: office.save(1, 2, 3, moved_by=100))
    assert first == ["127.0.0.1:26002", "127.0.0.1:26003"]
    assert second == ["127.0.0.1:26102", "127.0.0.1:26103"]
    assert len(office.lines) == 4


def test_link_that_is_up_is_left_alone(office: Office) -> None:
    office.links.follow(members(1, 2, 3))
    for line in office.lines:
        line.is_connected = True
    first, second = watch(office, lambda: office.save(1, 2, 3, moved_by=100))
    assert first == second


def test_node_is_linked_to_until_it_is_in_neither_the_file_nor_the_log(office: Office) -> None:
    office.links.follow(members(1, 2, 3))
    found = watch(
        office,
        lambda: office.links.follow(members(1, 2)),
        lambda: office.save(1, 2),
        lambda: dialled_by_a_newcomer(office),
        lambda: office.links.follow(members(1, 2, 5)),
    )
    names = [[text[-1] for text in running] for running in found]
    assert names == [["2", "3"], ["2", "3"], ["2"], ["2", "4"], ["2", "4", "5"]]


def test_damaged_file_takes_nobody_away(office: Office, tmp_path: Path) -> None:
    office.links.follow(members(1, 2))
    first, second = watch(office, lambda: (tmp_path / "cluster.json").write_text("{"))
    assert first == second == ["127.0.0.1:26002", "127.0.0.1:26003"]
