"""A cluster of cores under the test's full control: its clock, its network, its disks.

Nothing happens by itself. `deliver()` moves messages that are under way, `tick()` moves time;
`network` decides which links work. A node's disk takes each batch at once, unless `hold_disk()`
says otherwise; `crash()` forgets whatever the disk did not take.
"""

import random
from collections.abc import Callable, Iterable
from typing import Any

from node.raft.config import CoreConfig, InitialState
from node.raft.core import RaftCore
from node.raft.events import Event
from node.raft.messages import LogEntry, Message
from node.raft.ready import Envelope, HardState, ReadState, Ready
from node.raft.roles import Leader

HEARTBEAT_US = 50_000
TIMEOUT_US = 150_000


class Disk:
    """What survives a crash."""

    def __init__(self) -> None:
        self.hard_state = HardState(0, None)
        self.log: list[LogEntry] = []
        self.writes = 0

    def save(self, ready: Ready) -> None:
        if not ready.must_sync:
            return
        self.writes += 1
        if ready.hard_state is not None:
            self.hard_state = ready.hard_state
        if ready.truncate_from is not None:
            del self.log[ready.truncate_from - 1 :]
        if ready.entries:
            assert ready.first_index == len(self.log) + 1, "a hole in the log on disk"
            self.log.extend(ready.entries)


class Node:
    """One core with its disk and its state machine, a list of the entries applied."""

    def __init__(self, cluster: "Cluster", node_id: int) -> None:
        self.cluster = cluster
        self.id = node_id
        self.disk = Disk()
        self.is_up = True
        self.holds_disk = False
        self.held: Ready | None = None
        self.voting = True
        self.lives = 0
        self.boot()

    def boot(self) -> None:
        config = CoreConfig(self.id, self.cluster.voters, **self.cluster.settings)
        initial = InitialState(*self.disk.hard_state, log=tuple(self.disk.log))
        rng = random.Random(f"{self.cluster.seed}/{self.id}/{self.lives}")
        self.lives += 1  # no life repeats the random numbers of another
        self.core = RaftCore(config, initial, rng, self.cluster.now, self.voting)
        self.applied: list[LogEntry] = []
        self.reads: list[ReadState] = []
        self.events: list[Event] = []

    @property
    def values(self) -> list[Any]:
        """The applied entries, without no-ops."""
        return [entry.entry for entry in self.applied if entry.entry is not None]

    @property
    def terms(self) -> list[int]:
        """The terms of the whole log."""
        return [entry.term for entry in self.core.entries(1, self.core.last_index)]

    def work(self) -> bool:
        """Carry out one Ready. Returns whether there was one."""
        ready = self.core.ready()
        if ready is None:
            return False
        self.cluster.send(self.id, ready.messages)
        self.applied.extend(ready.committed)
        self.reads.extend(ready.reads)
        self.events.extend(ready.events)
        if self.holds_disk and ready.must_sync:
            self.held = ready
        else:
            self.finish(ready)
        return True

    def finish(self, ready: Ready) -> None:
        self.disk.save(ready)
        self.core.synced(ready.seq, self.cluster.now)
        self.cluster.send(self.id, ready.messages_after_sync)

    def release_disk(self) -> None:
        """The held write reaches the disk, and later writes are not held any more."""
        self.holds_disk = False
        if self.held is not None:
            held, self.held = self.held, None
            self.finish(held)

    def crash(self) -> None:
        self.is_up = False
        self.held = None

    def restart(self) -> None:
        self.is_up = True
        self.boot()

    def wipe(self) -> None:
        """Lose the disk and come back as a node that knows it."""
        self.disk = Disk()
        self.voting = False
        self.restart()


class Cluster:
    def __init__(self, size: int = 3, seed: int = 0, **settings: Any) -> None:
        self.voters = frozenset(range(1, size + 1))
        self.seed = seed
        self.settings: dict[str, Any] = {
            "election_timeout_us": TIMEOUT_US,
            "heartbeat_us": HEARTBEAT_US,
        }
        self.settings.update(settings)
        self.now = 0
        self.in_flight: list[tuple[int, Envelope]] = []
        self.cut_links: set[tuple[int, int]] = set()
        self.sent: list[tuple[int, Envelope]] = []
        self.drop: Callable[[int, int, Message], bool] = lambda src, dst, message: False
        self.nodes = {node_id: Node(self, node_id) for node_id in sorted(self.voters)}

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
            for b in self.voters - inside:
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
                    node.core.step(message, self.now)
        raise AssertionError("the cluster does not become quiet")

    def tick(self, elapsed_us: int) -> None:
        """Let time pass, without delivering anything."""
        self.now += elapsed_us
        for node in self.up:
            node.core.tick(self.now)

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

    def of_type(self, kind: type[Message]) -> list[tuple[int, Envelope]]:
        """All messages of one type that were sent so far."""
        return [item for item in self.sent if isinstance(item[1].message, kind)]
