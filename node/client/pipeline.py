"""Many requests in flight on one connection: the load of `raftctl bench`.

One socket, one loop: requests leave in batches, each of which has one reply. When the
leader goes, what was in flight has an unknown outcome; it is counted as such, never sent again, and
the load goes on with the next leader, and ends when there is none in time.

With a rate the loop is open: each request is due at its time, whatever became of the last, and its
latency counts from then. A cluster that stalls makes those wait that were due meanwhile, and they
say so; counted from when they were sent, a second without answers would be one slow request.
"""

import random
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from node.client.address import ClusterAddress
from node.client.errors import UnreachableError
from node.client.leader import link_to_leader
from node.client.link import Link
from node.client.lookout import FIRST_LOOK_SECONDS, Lookout
from node.client.session import FINAL_CODES, Sequences
from node.wire.batches import (
    BATCH_BYTES_MAX,
    BATCH_MAX,
    AnswerAll,
    AppliedAll,
    ProposeAll,
    ReadAll,
    ReadMode,
)
from node.wire.envelope import HEADER_BYTES, is_ok, seal_all
from node.wire.messages import Failure, Outcome

SAME_LEADER_CODES = FINAL_CODES | {"busy"}
"""The request failed, and the node that says so leads on."""
TICK_SECONDS = 0.1
"""How often it is said how far the load is."""

PIECES = 4
"""What may be in flight leaves in so many batches, or more: while the cluster works at some of it,
the client sees to the rest.
"""
PIECE_MIN = 32
"""Each of them holds so many requests, or all: a batch costs the leader as much as some of them."""
FRAME_OVERHEAD_BYTES = 64
REQUEST_OVERHEAD_BYTES = HEADER_BYTES + 5


def no_reads(number: int) -> bool:
    """Of a load of commands alone."""
    return False


@dataclass(slots=True)
class Tally:
    """What came of the requests. Latencies in seconds, of those that succeeded; whoever takes them
    out of the lists meanwhile has to keep them.
    """

    latencies: list[float] = field(default_factory=list)
    """Of commands."""
    read_latencies: list[float] = field(default_factory=list)
    errors: int = 0
    unknown: int = 0
    unsent: int = 0
    """Due by the rate before the end, and not sent: too many were in flight, or nobody led."""
    elapsed: float = 0.0


@dataclass(frozen=True, slots=True)
class Load:
    """`make(n)` is the n-th request: a query if `is_read(n)`, else a command. It ends after `ops`
    requests or `seconds`. `rate`: requests a second; None: as many as `inflight` allows.
    """

    make: Callable[[int], bytes]
    is_read: Callable[[int], bool]
    inflight: int
    clients: int
    ops: int | None
    seconds: float | None
    rate: float | None = None
    read_mode: ReadMode = "linearizable"
    answer_bytes: int = 0
    """About how long the answer to a query is: what is asked in one frame is answered in one."""


class Pipeline:
    """Runs a load against a cluster."""

    def __init__(self, address: ClusterAddress, load: Load, timeout: float = 5.0) -> None:
        """`timeout`: seconds to go on without a success."""
        self._timeout = timeout
        self._waiting_since = 0.0  # the last success, or the first request in flight
        self._heard_at = 0.0  # the last reply, or the first request in flight
        self._is_lost = False
        self._address = address
        self._load = load
        random_bits = random.SystemRandom().getrandbits
        self._clients = [Sequences(random_bits(64)) for _ in range(load.clients)]
        self._in_flight: dict[int, _Batch] = {}
        self._open = 0  # the requests in them
        self._piece = min(max(load.inflight // PIECES, PIECE_MIN), BATCH_MAX)
        self._turn = 0
        self._started = 0
        self._leader: int | None = None
        self.tally = Tally()

    def run(self) -> Generator[Tally]:
        """Yields the tally so far about ten times a second, and at the end.

        Raises NoLeaderError, DeadlineError and UnreachableError when the load cannot start, or no
        request succeeds for `timeout` seconds; `tally` then holds what came of those before.
        """
        begin = self._waiting_since = time.monotonic()
        try:
            yield from self._run(begin)
        finally:
            self._lose()
            self.tally.elapsed = time.monotonic() - begin
            self.tally.unsent = self._due(self.tally.elapsed) - self._started
        yield self.tally

    def _due(self, elapsed: float) -> int:
        """How many requests were to be sent by now."""
        load = self._load
        if load.rate is None:
            return self._started
        due = int(min(elapsed, elapsed if load.seconds is None else load.seconds) * load.rate)
        return max(min(due, due if load.ops is None else load.ops), self._started)

    def _run(self, begin: float) -> Iterator[Tally]:
        tick = begin
        while not self._is_over(begin):
            link = self._connect()
            try:
                while self._in_flight or not self._is_over(begin):
                    self._fill(link, begin)
                    if self._has_replies(link, begin):
                        self._take_replies(link)
                    now = time.monotonic()
                    if now - tick > TICK_SECONDS:
                        tick = now
                        self.tally.elapsed = now - begin
                        yield self.tally
            except UnreachableError:
                self._lose()
            except _LeaderLost:
                pass
            finally:
                link.close()

    def _is_over(self, begin: float) -> bool:
        load = self._load
        if load.ops is not None and self._started >= load.ops:
            return True
        return load.seconds is not None and time.monotonic() - begin >= load.seconds

    def _connect(self) -> Link:
        left = self._waiting_since + self._timeout - time.monotonic()
        link = link_to_leader(self._address, self._leader, left)
        self._leader = link.node_id
        self._is_lost = False
        for client in self._clients:
            client.begin(link.last_applied)
        return link

    def _fill(self, link: Link, begin: float) -> None:
        now = time.monotonic()
        if not self._in_flight:
            self._waiting_since = self._heard_at = now
        while not self._is_lost and (count := self._room(now, begin)):
            self._start(link, count, begin if self._load.rate else now)
        link.flush()

    def _room(self, now: float, begin: float) -> int:
        """How many requests may leave now, in one piece."""
        load = self._load
        room = min(load.inflight - self._open, self._piece)
        if load.ops is not None:
            room = min(room, load.ops - self._started)
        if load.rate is not None:
            room = min(room, int((now - begin) * load.rate) + 1 - self._started)
        return 0 if self._is_over(begin) else max(room, 0)

    def _start(self, link: Link, count: int, since: float) -> None:
        """Send the next `count` requests. `since`: when they are due, or with a rate the first."""
        load = self._load
        rate = load.rate
        commands, queries = _Batch(), _Batch()
        for number in range(self._started, self._started + count):
            due = since if rate is None else since + number / rate
            if load.is_read(number):
                batch, answer_bytes = queries, load.answer_bytes
            else:
                batch, answer_bytes = commands, 0
            batch.add(load.make(number), due, answer_bytes)
            if batch.size > BATCH_BYTES_MAX - FRAME_OVERHEAD_BYTES:
                break
        self._started = number + 1
        if commands.bodies:
            self._propose(link, commands)
        if queries.bodies:
            request = ReadAll(link.new_id(), queries.bodies, load.read_mode)
            self._send(link, request, queries)

    def _propose(self, link: Link, batch: "_Batch") -> None:
        batch.client = client = self._clients[self._turn % len(self._clients)]
        self._turn += 1
        batch.number = client.take(len(batch.bodies))
        commands = seal_all(client.header(batch.number), batch.bodies)
        self._send(link, ProposeAll(link.new_id(), commands), batch)

    def _send(self, link: Link, request: ProposeAll | ReadAll, batch: "_Batch") -> None:
        link.queue(request)
        self._in_flight[request.id] = batch
        self._open += len(batch.dues)

    def _has_replies(self, link: Link, begin: float) -> bool:
        """Whether to take replies now: with a rate, the next request may be due before, unless the
        node is silent: then all wait until it answers, or another leads.
        """
        load = self._load
        is_full = self._is_lost or self._open >= load.inflight
        if load.rate is None or is_full or self._is_over(begin):
            return bool(self._in_flight)
        now = time.monotonic()
        left = min(max(begin + self._started / load.rate - now, 0.0), TICK_SECONDS)
        if not self._in_flight:
            time.sleep(left)
            return False
        return link.has_more(left) or now - self._heard_at > FIRST_LOOK_SECONDS

    def _take_replies(self, link: Link) -> None:
        # Half of the time for a node that is silent, the other half to find the next leader.
        lookout = Lookout(self._address, link.node_id, self._heard_at)
        try:
            messages = lookout.wait(link.next_messages, self._heard_at + self._timeout / 2)
        finally:
            self._leader = lookout.successor or self._leader
        now = self._heard_at = time.monotonic()
        for message in messages:
            batch = self._in_flight.pop(getattr(message, "id", 0), None)
            if batch is None:
                continue
            self._ended(batch)
            if isinstance(message, Failure):
                self._is_lost = self._is_lost or message.code not in SAME_LEADER_CODES
                self._count_lost(batch, message.outcome)
            elif isinstance(message, AppliedAll | AnswerAll):
                self._waiting_since = now
                self._count_done(batch, message.results, now)
        if self._is_lost and not self._in_flight:
            raise _LeaderLost

    def _count_done(self, batch: "_Batch", results: list[bytes], now: float) -> None:
        """The machine may have raised at some of the requests."""
        found = [
            now - due for due, result in zip(batch.dues, results, strict=False) if is_ok(result)
        ]
        tally = self.tally
        (tally.read_latencies if batch.client is None else tally.latencies).extend(found)
        tally.errors += len(batch.dues) - len(found)

    def _count_lost(self, batch: "_Batch", outcome: Outcome) -> None:
        if outcome == "unknown":
            self.tally.unknown += len(batch.dues)
        else:
            self.tally.errors += len(batch.dues)

    def _ended(self, batch: "_Batch") -> None:
        self._open -= len(batch.dues)
        if batch.client is not None:
            batch.client.done(batch.number)

    def _lose(self) -> None:
        """The connection broke: nobody will answer what was in flight."""
        for batch in self._in_flight.values():
            self._ended(batch)
            self._count_lost(batch, "none" if batch.client is None else "unknown")
        self._in_flight.clear()


@dataclass(slots=True, eq=False)
class _Batch:
    """Requests that leave as one: reads, or commands of one `client`, from `number` on."""

    bodies: list[bytes] = field(default_factory=list)
    dues: list[float] = field(default_factory=list)
    """When each was due."""
    size: int = 0
    client: Sequences | None = None
    number: int = 0

    def add(self, body: bytes, due: float, answer_bytes: int) -> None:
        self.bodies.append(body)
        self.dues.append(due)
        self.size += len(body) + answer_bytes + REQUEST_OVERHEAD_BYTES


class _LeaderLost(Exception):
    """The node answers, and leads no longer."""
