"""Where the other nodes are, and the links to them.

The cluster's file says it, which an operator's command changes before a node is added and after one
is removed, and so do the configurations in the log. Where both name a node the file is right: a
node keeps its id when it moves. A node that is in neither is a stranger, whatever token it has.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from pathlib import Path

import trio

from node.config import ConfigError, NodeAddress, load_cluster, parse_address
from node.raft.configuration import Configuration
from node.transport.peers import PeerLink

RELOAD_SECONDS_MIN = 0.2
LOOK_SECONDS = 2.0
"""How often to look whether a node that is no member is still in the file, and whether one that
cannot be reached has moved.
"""


class AddressBook(Container[int]):
    """The nodes that are known."""

    def __init__(self, folder: Path, node_id: int, nodes: Iterable[NodeAddress]) -> None:
        self._folder = folder
        self._node_id = node_id
        self._in_file = {node.id: node for node in nodes}
        self._in_log: dict[int, NodeAddress] = {}
        self._may_reload_at = 0.0

    def __contains__(self, node_id: object) -> bool:
        """Whether it may connect as a peer. One that is not known may have come since."""
        return isinstance(node_id, int) and self.get(node_id) is not None

    def get(self, node_id: int) -> NodeAddress | None:
        if node_id == self._node_id:
            return None
        if node_id not in self._in_file and node_id not in self._in_log:
            self.reload()
        return self._in_file.get(node_id) or self._in_log.get(node_id)

    def learn(self, configuration: Configuration) -> None:
        """The log says who the members are."""
        self._in_log = {}
        for member, text in configuration.addresses:
            address = parse_address(member, text)
            if address is not None:
                self._in_log[member] = address

    def reload(self) -> None:
        """Look into the file again, unless that was just done."""
        now = trio.current_time()
        if now < self._may_reload_at:
            return
        self._may_reload_at = now + RELOAD_SECONDS_MIN
        try:
            self._in_file = {node.id: node for node in load_cluster(self._folder).nodes}
        except ConfigError:
            return  # what was known is better than nothing

    @property
    def ids(self) -> frozenset[int]:
        return frozenset(self._in_file.keys() | self._in_log.keys()) - {self._node_id}


class Links(Mapping[int, PeerLink]):
    """A link to each other node that this one may have something to tell."""

    def __init__(self, book: AddressBook, make: Callable[[NodeAddress], PeerLink]) -> None:
        self._book = book
        self._make = make
        self._links: dict[int, PeerLink] = {}
        self._scopes: dict[int, trio.CancelScope] = {}
        self._nursery: trio.Nursery | None = None
        self._members: frozenset[int] = frozenset()
        for node_id in sorted(book.ids):
            self.open(node_id)

    def __getitem__(self, node_id: int) -> PeerLink:
        return self._links[node_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._links)

    def __len__(self) -> int:
        return len(self._links)

    def open(self, node_id: int) -> None:
        """Link to this node from now on, if it is known where it is."""
        address = self._book.get(node_id)
        if node_id in self._links or address is None:
            return
        self._links[node_id] = self._make(address)
        if self._nursery is not None:
            self._nursery.start_soon(self._run_one, node_id)

    def close(self, node_id: int) -> None:
        """Nothing more is to be told to this node."""
        self._links.pop(node_id, None)
        scope = self._scopes.pop(node_id, None)
        if scope is not None:
            scope.cancel()

    def follow(self, configuration: Configuration) -> None:
        """Link to the members of `configuration` from now on.

        Who is none may lead all the same, if this node's log is behind, so long as it is in the
        file: it is told something until it is in neither.
        """
        self._members = configuration.members
        self._book.learn(configuration)
        for node_id in sorted(configuration.members):
            self.open(node_id)

    async def run(self) -> None:
        """Keep the links up, for ever, and drop those to nodes that are gone."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for node_id in self._links:
                nursery.start_soon(self._run_one, node_id)
            while True:
                await trio.sleep(LOOK_SECONDS)
                self._look_again()

    def _look_again(self) -> None:
        leftovers = self._links.keys() - self._members
        unreached = {each: link for each, link in self._links.items() if not link.is_connected}
        if leftovers or unreached:
            self._book.reload()
        for node_id in sorted(leftovers - self._book.ids):
            self.close(node_id)
        for node_id, link in unreached.items():
            address = self._book.get(node_id)
            if address is not None and address.text != link.address.text:
                self.close(node_id)
                self.open(node_id)

    async def _run_one(self, node_id: int) -> None:
        link = self._links.get(node_id)
        if link is None:
            return
        with trio.CancelScope() as scope:
            self._scopes[node_id] = scope
            await link.run()
