"""Many requests in flight on one connection: the load of `raftctl bench`.

One socket, one loop: requests leave in one piece for as many replies as arrived in one. When the
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
from node.client.session import FINAL_CODES, Sequences
from node.wire.envelope import ApplyError, EnvelopeError, SessionExpiredError, read_result, seal
from node.wire.messages import Answer, Applied, Failure, Propose, Read, ReadMode

SAME_LEADER_CODES = FINAL_CODES | {"busy"}
"""The request failed, and the node that says so leads on."""
TICK_SECONDS = 0.1
"""How often it is said how far the load is."""

READ = 0
"""Stands for the number of a request that is no command."""


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
        self._in_flight: dict[int, tuple[float, Sequences, int]] = {}
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
        load = self._load
        now = time.monotonic()
        if not self._in_flight:
            self._waiting_since = self._heard_at = now
        while not self._is_lost and len(self._in_flight) < load.inflight:
            if self._is_over(begin):
                break
            due = now if load.rate is None else begin + self._started / load.rate
            if due > now:
                break
            request_id = link.new_id()
            body = load.make(self._started)
            client = self._clients[self._started % len(self._clients)]
            is_read = load.is_read(self._started)
            self._started += 1
            number = READ if is_read else client.take()
            if is_read:
                link.queue(Read(request_id, body, load.read_mode, False))
            else:
                link.queue(Propose(request_id, seal(client.header(number), body)))
            self._in_flight[request_id] = (due, client, number)
        link.flush()

    def _has_replies(self, link: Link, begin: float) -> bool:
        """Whether to take replies now: with a rate, the next request may be due before."""
        load = self._load
        is_full = self._is_lost or len(self._in_flight) >= load.inflight
        if load.rate is None or is_full or self._is_over(begin):
            return bool(self._in_flight)
        now = time.monotonic()
        left = min(max(begin + self._started / load.rate - now, 0.0), TICK_SECONDS)
        if not self._in_flight:
            time.sleep(left)
            return False
        return link.has_more(left) or now - self._heard_at > self._timeout / 2

    def _take_replies(self, link: Link) -> None:
        # Half of the time for a node that is silent, the other half to find the next leader.
        messages = link.next_messages(self._heard_at + self._timeout / 2)
        now = self._heard_at = time.monotonic()
        for message in messages:
            request_id = getattr(message, "id", 0)
            if request_id not in self._in_flight:
                continue
            due, client, number = self._in_flight.pop(request_id)
            if number != READ:
                client.done(number)
            if isinstance(message, Failure):
                self._is_lost = self._is_lost or message.code not in SAME_LEADER_CODES
                if message.outcome == "unknown":
                    self.tally.unknown += 1
                else:
                    self.tally.errors += 1
                continue
            self._waiting_since = now
            if isinstance(message, Answer):
                self.tally.read_latencies.append(now - due)
            elif _is_done(message):
                self.tally.latencies.append(now - due)
            else:
                self.tally.errors += 1
        if self._is_lost and not self._in_flight:
            raise _LeaderLost

    def _lose(self) -> None:
        """The connection broke: nobody will answer what was in flight."""
        for _, client, number in self._in_flight.values():
            if number == READ:
                self.tally.errors += 1
            else:
                self.tally.unknown += 1
                client.done(number)
        self._in_flight.clear()


def _is_done(message: object) -> bool:
    """Whether the machine took the command: it may have raised."""
    if not isinstance(message, Applied):
        return False
    try:
        read_result(message.result)
    except (ApplyError, SessionExpiredError, EnvelopeError):
        return False
    return True


class _LeaderLost(Exception):
    """The node answers, and leads no longer."""
