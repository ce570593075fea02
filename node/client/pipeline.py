"""Many requests in flight on one connection: the load of `raftctl bench`.

One socket, one loop: requests leave in one piece for as many replies as arrived in one. When the
leader goes, what was in flight has an unknown outcome; it is counted as such, never sent again, and
the load goes on with the next leader, and ends when there is none in time.
"""

import random
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from node.client.address import ClusterAddress
from node.client.errors import UnreachableError
from node.client.leader import link_to_leader
from node.client.link import Link
from node.client.lookout import Lookout
from node.client.session import FINAL_CODES, Sequences
from node.wire.envelope import ApplyError, EnvelopeError, SessionExpiredError, read_result, seal
from node.wire.messages import Answer, Applied, Failure, Propose, Read

SAME_LEADER_CODES = FINAL_CODES | {"busy"}
"""The request failed, and the node that says so leads on."""


@dataclass(slots=True)
class Tally:
    """What came of the requests. Latencies in seconds, of those that succeeded."""

    latencies: list[float] = field(default_factory=list)
    errors: int = 0
    unknown: int = 0
    elapsed: float = 0.0


@dataclass(frozen=True, slots=True)
class Load:
    """`make(n)` is the n-th command or query. It ends after `ops` requests or `seconds`."""

    make: Callable[[int], bytes]
    is_read: bool
    inflight: int
    clients: int
    ops: int | None
    seconds: float | None
    rate: float | None = None


class Pipeline:
    """Runs a load against a cluster."""

    def __init__(self, address: ClusterAddress, load: Load, timeout: float = 5.0) -> None:
        """`timeout`: seconds to go on without a success."""
        self._timeout = timeout
        self._waiting_since = 0.0  # the last success, or the first request in flight
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
        yield self.tally

    def _run(self, begin: float) -> Iterator[Tally]:
        tick = begin
        while not self._is_over(begin):
            link = self._connect()
            try:
                while self._in_flight or not self._is_over(begin):
                    self._fill(link, begin)
                    self._take_replies(link)
                    now = time.monotonic()
                    if now - tick > 0.1:
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
            self._waiting_since = now
        while not self._is_lost and len(self._in_flight) < load.inflight:
            if self._is_over(begin):
                break
            if load.rate is not None and self._started > (now - begin) * load.rate:
                break
            request_id = link.new_id()
            body = load.make(self._started)
            client = self._clients[self._started % len(self._clients)]
            self._started += 1
            number = client.take()
            if load.is_read:
                link.queue(Read(request_id, body, "linearizable", False))
            else:
                link.queue(Propose(request_id, seal(client.header(number), body)))
            self._in_flight[request_id] = (now, client, number)
        link.flush()

    def _take_replies(self, link: Link) -> None:
        if not self._in_flight:
            time.sleep(0.001)  # the rate leaves nothing to do
            return
        # Half of the time for a node that is silent, the other half to find the next leader.
        lookout = Lookout(self._address, link.node_id)
        try:
            messages = lookout.wait(link.next_messages, time.monotonic() + self._timeout / 2)
        finally:
            self._leader = lookout.successor or self._leader
        now = time.monotonic()
        for message in messages:
            request_id = getattr(message, "id", 0)
            if request_id not in self._in_flight:
                continue
            sent_at, client, number = self._in_flight.pop(request_id)
            client.done(number)
            if isinstance(message, Failure):
                self._is_lost = self._is_lost or message.code not in SAME_LEADER_CODES
                if message.outcome == "unknown":
                    self.tally.unknown += 1
                else:
                    self.tally.errors += 1
                continue
            self._waiting_since = now
            if isinstance(message, Answer) or _is_done(message):
                self.tally.latencies.append(now - sent_at)
            else:
                self.tally.errors += 1
        if self._is_lost and not self._in_flight:
            raise _LeaderLost

    def _lose(self) -> None:
        """The connection broke: nobody will answer what was in flight."""
        if self._load.is_read:
            self.tally.errors += len(self._in_flight)
        else:
            self.tally.unknown += len(self._in_flight)
        for _, client, number in self._in_flight.values():
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
