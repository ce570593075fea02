"""Everything of one run: the nodes, the network between them, the clients, and who watches."""

import random
from collections.abc import Callable, Collection, Hashable
from functools import partial
from typing import Any

from node.faults import LinkRule
from node.raft.configuration import Change, Configuration
from node.raft.events import Event
from node.replica import Replica, Ticket
from node.replica.compaction import CompactionPolicy
from node.sim.client import Client, Habits, Session
from node.sim.clock import PPM, Clock
from node.sim.contacts import Contacts
from node.sim.disk import DiskFaults
from node.sim.host import Host, NodeSettings
from node.sim.kernel import Kernel
from node.sim.network import Network
from node.sim.options import Options
from node.sim.streams import stream
from node.sim.surroundings import Pace
from node.verify.observation import Kind, Observers
from node.wire.batches import ProposeAll, ReadAll
from node.wire.codec import decode
from node.wire.messages import Document, Failure, Propose, Read, ReadMode, WireMessage

MS = 1000
SECOND = 1_000_000
CLUSTER_ID = "sim"
CLOCK_START_US = 1_000_000_000
"""No clock begins at zero."""

CALM_LATENCY_MS = 0.2
CALM_DISK_US = (50, 200)
CALM_TIMEOUT_MS = 500
CALM_TIMEOUTS = 2
"""Who asks has so much time, or so many election timeouts where that is less than a heartbeat: a
follower may hear of it with the next one. How impatient clients were before does not matter.
"""
POWER_OFF_TIMEOUTS = 2
"""A node that died in a flush comes back after at most so many election timeouts."""

READERS_ARE_FASTER = 4
READS: tuple[tuple[Kind, int], ...] = (("get", 1),)
READS_AND_WRITES: tuple[tuple[Kind, int], ...] = (("put", 4), ("get", 4), ("cas", 2), ("delete", 1))

Watcher = Callable[[int, Event], None]


class World:
    """A cluster in virtual time. `watch_with` makes the observers, given the nodes."""

    def __init__(
        self, seed: int, options: Options, watch_with: Callable[[dict[int, Host]], Observers]
    ) -> None:
        self.seed = seed
        self.options = options
        self.kernel = Kernel()
        self.hosts: dict[int, Host] = {}
        self.observers = watch_with(self.hosts)
        self._is_calm = False
        self.network = Network(self.kernel, seed, self._deliver, options.queue_max, options.ordered)
        self._background()
        self.contacts = Contacts(self.kernel, seed, options, self.hosts)
        self.listeners: list[Watcher] = []
        """Called with each thing that a core reports, and which node's it is."""
        self.held_down: Callable[[int], bool] = _nobody
        """Which nodes a fault keeps from running."""
        self._first = Configuration(
            frozenset(range(1, options.nodes + 1)),
            addresses=tuple((node_id, f"n{node_id}:1") for node_id in range(1, options.nodes + 1)),
        )
        self._settings = _settings(options)
        for node_id in sorted(self._first.voters):
            self.make_node(node_id, self._first)
        self.clients: list[Client] = []
        for number in range(1, options.clients + 1):
            is_first = (number - 1) % options.callers == 0
            session = None if is_first else self.clients[-1].session
            self.clients.append(self.make_client(number, session))

    # -- nodes -------------------------------------------------------------------------------------
    def make_node(self, node_id: int, first: Configuration | None = None) -> Host:
        """A new node, not started; without `first` one that is to be added."""
        rng = stream(self.seed, "clock", node_id)
        drift = rng.randint(-self.options.clock_ppm, self.options.clock_ppm)
        start = CLOCK_START_US + rng.randrange(SECOND)
        host = Host(
            node_id,
            self.seed,
            self.kernel,
            Clock(self.kernel, start, PPM + drift),
            first or Configuration(),
            self._settings,
            self.observers,
            self._send,
            self._reply,
            self._tell,
            partial(self._flushes, node_id, stream(self.seed, "power", node_id)),
        )
        self.hosts[node_id] = host
        return host

    def start_all(self) -> None:
        for host in list(self.hosts.values()):
            host.start()
        for client in self.clients:
            client.begin_later()

    def crash(self, node_id: int) -> None:
        self.hosts[node_id].crash()
        self._disconnect(node_id)

    def stop(self, node_id: int) -> None:
        self.hosts[node_id].stop()
        self._disconnect(node_id)

    def _flushes(self, node_id: int, rng: random.Random, lasts_us: int) -> None:
        """A node writes more than entries, and that takes so long, in microseconds."""
        if rng.random() < self.options.flush_crash:
            off_us = rng.randint(MS, POWER_OFF_TIMEOUTS * self.options.election_timeout_ms * MS)
            at = rng.randint(0, 2 * lasts_us)
            self.kernel.after(at, "fault", self._power_off, node_id, off_us)

    def _power_off(self, node_id: int, lasts_us: int) -> None:
        if not self._is_calm and self.hosts[node_id].is_running:
            self.crash(node_id)
            self.kernel.after(lasts_us, "fault", self._power_on, node_id)

    def _power_on(self, node_id: int) -> None:
        host = self.hosts[node_id]
        if not (self._is_calm or host.is_running or host.is_broken or self.held_down(node_id)):
            host.start()

    def _disconnect(self, node_id: int) -> None:
        self.contacts.ended(node_id)
        for client in self.clients:
            client.broken(node_id)

    @property
    def leader(self) -> Host | None:
        """Who leads the latest term, of those that run."""
        leading = [each for each in self.hosts.values() if each.is_running and each.core.is_leader]
        return max(leading, key=lambda host: host.core.term, default=None)

    @property
    def configuration(self) -> Configuration:
        """Of whoever knows best."""
        return self._best.core.configuration

    @property
    def rows(self) -> frozenset[int]:
        """Who belongs to the cluster, as an operator sees it."""
        return self.configuration.members or frozenset(self.hosts)

    @property
    def _best(self) -> Host:
        known = [host for host in self.hosts.values() if host.lives and not host.is_wiped]
        return self.leader or max(
            known, key=lambda host: (host.core.log.last_term, host.core.last_index)
        )

    def has_quorum(self, present: Collection[int]) -> bool:
        """Whether these can go on: by the last committed configuration, and by each that follows it
        in somebody's log and may be committed yet.
        """
        lived = [host for host in self.hosts.values() if host.lives]
        committed = max(host.core.commit_index for host in lived)
        ideas = [self._best.core.log.configuration_at(committed)]
        ideas += [
            host.core.configuration for host in lived if host.core.configuration_index > committed
        ]
        return all(idea.has_quorum(present) for idea in ideas)

    # -- frames and events -------------------------------------------------------------------------
    def _send(self, src: int, dst: int, kind: str, frame: bytes) -> None:
        if dst in self.hosts:
            self.network.send(src, dst, kind, frame)

    def _deliver(self, src: int, dst: int, kind: str, frame: bytes) -> None:
        self.kernel.note(frame)
        self.hosts[dst].deliver(frame)

    def _tell(self, node_id: int, event: Event) -> None:
        for listener in self.listeners:
            listener(node_id, event)

    # -- clients and operators ---------------------------------------------------------------------
    def make_client(self, number: int, session: Session | None = None) -> Client:
        return Client(
            number,
            self.seed,
            session,
            self.kernel,
            self.hosts.keys(),
            _habits(self.options, number, self._is_calm),
            self.observers,
            self._ask,
            self._last_applied,
        )

    def _last_applied(self, node_id: int) -> int | None:
        host = self.hosts.get(node_id)
        return None if host is None or not host.is_up else host.last_applied

    def _ask(self, node_id: int, source: Hashable, data: bytes) -> None:
        host = self.hosts[node_id]
        message = decode(data)
        assert isinstance(message, Propose | ProposeAll | Read | ReadAll), "clients ask no more"
        ticket = Ticket(source, message.id)

        def request(replica: Replica, now: int) -> None:
            match message:
                case Propose():
                    replica.submit(ticket, message.command, now, message.here)
                case Read():
                    replica.read(ticket, message.query, message.mode, message.here, now)
                case ProposeAll():
                    replica.submit_all(ticket, message.commands)
                case ReadAll():
                    replica.read_all(ticket, message.queries, message.mode, now)

        host.request(ticket, type(message).__name__, request)

    def _reply(self, node_id: int, source: Any, message: WireMessage) -> None:  # noqa: ANN401
        if type(message) is Document:
            for look in self.observers.reported:
                look(self.hosts[node_id], message.value)
        source.receive(node_id, message)

    def operate(
        self, node_id: int, do: Callable[[Replica, Ticket, int], None], then: "Then | None" = None
    ) -> None:
        """Ask a node for something as an operator does; `then` hears what came of it."""
        ticket = Ticket(_Operator(then), 1)
        self.hosts[node_id].request(
            ticket, "wish of an operator", lambda replica, now: do(replica, ticket, now)
        )

    def change_members(
        self, node_id: int, changes: Collection[Change], then: "Then | None" = None
    ) -> None:
        self.operate(
            node_id,
            lambda replica, ticket, now: replica.change_membership(ticket, changes, now),
            then,
        )

    # -- faults ------------------------------------------------------------------------------------
    def _background(self) -> None:
        options = self.options
        self.network.set_background(
            LinkRule(
                0,
                0,
                0,
                latency_ms=options.latency_ms,
                jitter_ms=options.jitter_ms,
                drop=options.drop,
                duplicate=options.duplicate,
                reorder=options.reorder,
            )
        )
        self.network.late = options.late

    def calm(self) -> None:
        """All faults end, and network and disks become good ones. Who is down stays down."""
        self._is_calm = True
        self.network.set_rules(())
        self.network.set_background(LinkRule(0, 0, 0, latency_ms=CALM_LATENCY_MS))
        self.network.late = 0.0
        self.contacts.calm()
        pace = self._settings.pace
        pace.disk_us = pace.snapshot_us = pace.load_us = CALM_DISK_US
        for host in self.hosts.values():
            host.disk.faults = DiskFaults()
            host.hurry()
            host.change_clock(lambda clock: clock.run_at(PPM))
            if host.is_paused:
                host.resume()


def _nobody(node_id: int) -> bool:
    return False


Then = Callable[[int, Document | Failure], None]


class _Operator:
    """Who asked for one thing."""

    def __init__(self, then: Then | None) -> None:
        self._then = then

    def receive(self, node_id: int, message: WireMessage) -> None:
        assert isinstance(message, Document | Failure)
        if self._then is not None:
            self._then(node_id, message)


def _settings(options: Options) -> NodeSettings:
    return NodeSettings(
        cluster_id=CLUSTER_ID,
        election_timeout_us=options.election_timeout_ms * MS,
        heartbeat_us=options.heartbeat_ms * MS,
        spare_us=options.spare_ms * MS,
        pre_vote=options.pre_vote,
        check_quorum=options.check_quorum,
        append_bytes_max=options.append_bytes_max,
        inflight_max=options.inflight_max,
        inflight_bytes_max=options.inflight_bytes_max,
        uncommitted_max=options.uncommitted_max,
        uncommitted_bytes_max=options.uncommitted_bytes_max,
        reads_max=options.reads_max,
        priority_min=options.priority_min,
        lease_percent=options.lease_percent,
        snapshot_chunk_bytes=options.snapshot_chunk_bytes,
        sessions_max=options.sessions_max,
        compaction=CompactionPolicy(options.snapshot_entries, 1 << 40, options.snapshot_tail),
        pace=Pace(
            (round(options.disk_ms_min * MS), round(options.disk_ms_max * MS)),
            (0, options.snapshot_ms_max * MS),
            (0, options.load_ms_max * MS),
        ),
    )


def _habits(options: Options, number: int, is_calm: bool) -> Habits:
    """Of client `number`; `is_calm`: it loses nothing any more, and has time enough."""
    least_ms = 0
    if is_calm:
        is_quick = options.heartbeat_ms <= CALM_TIMEOUT_MS
        least_ms = CALM_TIMEOUT_MS if is_quick else CALM_TIMEOUTS * options.election_timeout_ms
    gap_us = SECOND * max(options.clients, 1) // options.rate
    reads_only = number <= options.readers * options.clients
    if reads_only:
        gap_us //= READERS_ARE_FASTER
    modes: list[tuple[ReadMode, int]] = [("linearizable", 4)]
    if options.lease_reads:
        modes.append(("lease", 4))
    if options.stale_reads:
        modes.append(("stale", 2))
    return Habits(
        keys=options.keys,
        gap_us=(gap_us // 2, gap_us * 3 // 2),
        timeout_us=max(options.timeout_ms, least_ms) * MS,
        latency_us=(20, 200),
        loss=0.0 if is_calm else options.client_loss,
        late=options.client_late,
        weights=READS if reads_only else READS_AND_WRITES,
        modes=tuple(modes),
        elsewhere=options.follower_reads,
        astray=options.astray,
        batches=options.batches,
    )
