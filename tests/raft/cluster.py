"""A cluster of cores under the test's full control: its clock, its network, its disks.

Nothing happens by itself. `deliver()` moves messages that are under way, `tick()` moves time;
`network` decides which links work. A node's disk takes each batch at once, unless `hold_disk()`
says otherwise; `crash()` forgets whatever the disk did not take.
"""

from collections.abc import Callable, Iterable
from typing import Any

from node.raft.configuration import Change, Configuration
from node.raft.messages import Message
from node.raft.ready import Envelope
from node.raft.roles import Leader
from node.raft.snapshot import SnapshotId
from tests.raft.nodes import Disk, Node, Taken

__all__ = ["HEARTBEAT_US", "TIMEOUT_US", "Cluster", "Disk", "Node"]

HEARTBEAT_US = 50_000
TIMEOUT_US = 150_000


class Cluster:
    def __init__(self, size: int = 3, seed: int = 0, **settings: Any) -> None:
        self.voters = frozenset(range(1, size + 1))
        self.seed = seed
        self.settings: dict[str, Any] = {
            "election_timeout_us": TIMEOUT_US,
            "heartbeat_us": HEARTBEAT_US,
        }
        self.settings.update(settings)
        self.saves_commit = False
        """Whether the disks keep the commit index, which no promise needs."""
        self.snapshot_bytes = 1000
        self.library: dict[SnapshotId, Taken] = {}
        """All snapshots that anybody took."""
        self.watch: Callable[[Node], None] = lambda node: None
        """Called when a core may have changed."""
        self.now = 0
        self.in_flight: list[tuple[int, Envelope]] = []
        self.cut_links: set[tuple[int, int]] = set()
        self.sent: list[tuple[int, Envelope]] = []
        self.drop: Callable[[int, int, Message], bool] = lambda src, dst, message: False
        self.nodes: dict[int, Node] = {}
        for node_id in sorted(self.voters):
            self.nodes[node_id] = Node(self, node_id)

    def __getitem__(self, node_id: int) -> Node:
        return self.nodes[node_id]

    @property
    def up(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.is_up]

    def send(self, src: int, envelopes: Iterable[Envelope]) -> None:
        for envelope in envelopes:
            self.sent.append((src, envelope))
            if (src, envelope.to) not in self.cut_links:
                self.in_flight.append((src, envelope))

    # -- the network -------------------------------------------------------------------------------
    def cut(self, *nodes: int) -> None:
        """Cut `nodes` off from all others, both ways. They still reach each other."""
        inside = set(nodes)
        for a in inside:
            for b in self.nodes.keys() - inside:
                self.cut_links |= {(a, b), (b, a)}

    def cut_one_way(self, src: int, dst: int) -> None:
        self.cut_links.add((src, dst))

    def heal(self) -> None:
        self.cut_links.clear()

    # -- moving on ---------------------------------------------------------------------------------
    def work(self) -> None:
        """Every node does what it can without a message or time."""
        for node in self.up:
            while node.work():
                pass

    def step(self, dst: int, message: Message) -> None:
        """Hand a message to a node, as if it came over the network."""
        self.nodes[dst].core.step(message, self.now)
        self.watch(self.nodes[dst])

    def deliver(self, rounds_max: int = 1000) -> None:
        """Deliver all messages under way, and those that follow from them, until it is quiet."""
        for _ in range(rounds_max):
            self.work()
            batch, self.in_flight = self.in_flight, []
            if not batch:
                return
            for src, (dst, message) in batch:
                node = self.nodes[dst]
                if node.is_up and not self.drop(src, dst, message):
                    self.step(dst, message)
        raise AssertionError("the cluster does not become quiet")

    def tick(self, elapsed_us: int) -> None:
        """Let time pass, without delivering anything."""
        self.now += elapsed_us
        for node in self.up:
            node.core.tick(self.now)
            self.watch(node)

    def run(self, duration_us: int, step_us: int = 10_000) -> None:
        """Let time pass with a network that delivers at once."""
        end = self.now + duration_us
        while self.now < end:
            self.tick(min(step_us, end - self.now))
            self.deliver()

    def run_until(self, condition: Callable[[], bool], limit_us: int = 20 * TIMEOUT_US) -> None:
        """Run until `condition` holds; fail when it does not within `limit_us`."""
        end = self.now + limit_us
        while not condition():
            assert self.now < end, "it did not come to pass in time"
            self.run(10_000)

    # -- elections ---------------------------------------------------------------------------------
    @property
    def leaders(self) -> list[Node]:
        return [node for node in self.up if node.core.is_leader]

    @property
    def leader(self) -> Node:
        """The leader of the highest term."""
        assert self.leaders, "nobody leads"
        return max(self.leaders, key=lambda node: node.core.term)

    @property
    def followers(self) -> list[Node]:
        return [node for node in self.up if node is not self.leader]

    def elect(self, node_id: int | None = None) -> Node:
        """Run until a leader is elected and its no-op applied everywhere; `node_id` chooses it."""
        if node_id is not None:
            core = self.nodes[node_id].core
            self.prefer(node_id)
            self.run_until(lambda: core.is_leader)
        self.run_until(lambda: bool(self.leaders))
        leader = self.leader
        self.run_until(
            lambda: all(n.core.commit_index >= leader.core.commit_index for n in self.up)
        )
        return leader

    def prefer(self, node_id: int) -> None:
        """Make the others wait longer than `node_id` for a leader."""
        chosen = self.nodes[node_id].core.role
        for node in self.up:
            role = node.core.role
            if role is not chosen and not isinstance(role, Leader):
                assert not isinstance(chosen, Leader)
                role.election_deadline = chosen.election_deadline + TIMEOUT_US

    def propose(self, *values: Any) -> int:
        """Propose on the leader and let it spread. Returns the first index."""
        index = self.leader.core.propose(list(values))
        self.deliver()
        return index

    # -- members -----------------------------------------------------------------------------------
    def add(self, node_id: int) -> Node:
        """Start a node that nobody knows yet, with an empty disk."""
        self.nodes[node_id] = Node(self, node_id, joins=True)
        return self.nodes[node_id]

    def change(self, *changes: Change) -> int:
        """Change the members on the leader and let it spread. Returns the entry's index."""
        index = self.leader.core.change_membership(changes, self.now)
        self.deliver()
        return index

    @property
    def configuration(self) -> Configuration:
        return self.leader.core.configuration

    def of_type(self, kind: type[Message]) -> list[tuple[int, Envelope]]:
        """All messages of one type that were sent so far."""
        return [item for item in self.sent if isinstance(item[1].message, kind)]
