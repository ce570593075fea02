"""A network of byte streams in Trio's time: slow, cut for a while, broken at any moment.

What was sent arrives later, in order. A cut holds it back, and when it heals the sender's kernel
sends it again, later the longer the cut was. An end whose process is gone says so, as a kernel
does; one whose machine is gone says nothing, until that machine runs again.
"""

import errno
import random
import socket
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

from node.transport.silence import (
    KEEPALIVE_IDLE_SECONDS,
    KEEPALIVE_INTERVAL_SECONDS,
    KEEPALIVE_PROBES,
)

CAPACITY_BYTES = 4 * 1024
"""What the kernels of both sides hold of one direction: little, so that writers have to wait."""
RESEND_SECONDS = 0.2
"""Until a kernel sends for the second time what was not acknowledged; then twice as long."""
KEEPALIVE_SECONDS = KEEPALIVE_IDLE_SECONDS + KEEPALIVE_PROBES * KEEPALIVE_INTERVAL_SECONDS
USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", -1)
NEVER = float("inf")


class Way:
    """One direction of a connection."""

    def __init__(self, network: "Network", connection: "Connection", src: int, dst: int) -> None:
        self._connection = connection
        self.src = src
        self.dst = dst
        self._network = network
        self._under_way: deque[tuple[float, bytes]] = deque()
        """When it arrives, and what; no bytes: the end."""
        self._last_arrival = 0.0
        self._bytes = 0
        self._sent_end = False
        self.refused_at = NEVER
        """From then on the other side refuses what comes."""
        self.is_broken = False
        self.lost_since = NEVER
        """From then on nothing arrives any more, and nobody says so."""
        self.changed = trio.Event()

    @property
    def has_unread(self) -> bool:
        return any(data for _, data in self._under_way)

    def tell(self) -> None:
        """Whoever waits looks again."""
        self.changed.set()
        self.changed = trio.Event()

    @property
    def silent_since(self) -> float:
        """When things ceased to arrive; NEVER: they do."""
        return min(self.lost_since, self._network.cut_since(self.src, self.dst))

    @property
    def unacknowledged_since(self) -> float:
        """About when the oldest of what is under way, and does not arrive, was sent."""
        if not self._under_way or self.silent_since == NEVER:
            return NEVER
        return max(self._under_way[0][0], self.silent_since)

    def put(self, data: bytes) -> None:
        now = trio.current_time()
        arrival = max(self._last_arrival, now + self._network.latency(self.src, self.dst))
        self._last_arrival = arrival
        self._under_way.append((arrival, data))
        self._bytes += len(data)
        if self.silent_since < NEVER:
            self._connection.tell()  # its other way may wait for a sign of life
        else:
            self.tell()

    def end(self) -> None:
        if not self._sent_end:
            self._sent_end = True
            self.put(b"")

    def stop_hearing(self, now: float) -> None:
        self.refused_at = min(self.refused_at, now + self._network.latency(self.dst, self.src))
        self.tell()

    def resend(self, since: float, now: float) -> None:
        """A cut that began then is over: what it held back comes when it is sent again."""
        again = wait = RESEND_SECONDS
        while since + again < now:
            wait *= 2
            again += wait
        held = self._under_way
        arrival = since + again
        self._under_way = deque((max(at, arrival), data) for at, data in held)
        self._last_arrival = max(self._last_arrival, arrival if held else 0.0)
        self.tell()

    @property
    def is_full(self) -> bool:
        return self._bytes >= CAPACITY_BYTES

    @property
    def is_refused(self) -> bool:
        return self.refused_at <= trio.current_time()

    @property
    def next_arrival(self) -> float:
        if not self._under_way or self.silent_since < NEVER:
            return NEVER
        return self._under_way[0][0]

    def take(self, bytes_max: int) -> bytes:
        """What has arrived."""
        now = trio.current_time()
        if not self._under_way[0][1]:
            return b""
        parts: list[bytes] = []
        while self._under_way and self._under_way[0][0] <= now and bytes_max > 0:
            at, data = self._under_way.popleft()
            if not data:
                self._under_way.appendleft((at, data))
                break
            if len(data) > bytes_max:
                self._under_way.appendleft((at, data[bytes_max:]))
                data = data[:bytes_max]
            bytes_max -= len(data)
            parts.append(data)
        found = b"".join(parts)
        self._bytes -= len(found)
        self.tell()
        return found


class _Socket:
    def __init__(self, name: tuple[str, int]) -> None:
        self._name = name

    def fileno(self) -> int:
        """No kernel takes anything at once: the writer sends all."""
        return -1

    def getpeername(self) -> tuple[str, int]:
        return self._name


class VirtualStream(trio.abc.HalfCloseableStream):
    """One end of a connection, with what the product asks of a SocketStream."""

    def __init__(self, connection: "Connection", incoming: Way, outgoing: Way) -> None:
        self.socket = _Socket((f"n{incoming.src}", 1))
        self.owner = outgoing.src
        self._connection = connection
        self._incoming = incoming
        self._outgoing = outgoing
        self._is_closed = False
        self._has_ended = False
        self._busy: set[str] = set()
        self._options: dict[int, int] = {}

    def setsockopt(self, level: int, option: int, value: int) -> None:
        self._options[option] = value

    @property
    def _gives_up_at(self) -> float:
        """When its kernel takes the other side for gone."""
        at, options = NEVER, self._options
        ways = (self._incoming, self._outgoing)
        if options.get(socket.SO_KEEPALIVE):
            at = min(way.silent_since for way in ways) + KEEPALIVE_SECONDS
        if USER_TIMEOUT in options:
            at = min(at, self._outgoing.unacknowledged_since + options[USER_TIMEOUT] / 1000)
        return at

    @contextmanager
    def _alone(self, what: str) -> Iterator[None]:
        """As SocketStream: two tasks that do the same are a bug of theirs."""
        if what in self._busy:
            raise trio.BusyResourceError(f"two tasks {what}")
        self._busy.add(what)
        try:
            yield
        finally:
            self._busy.remove(what)

    def _check(self, way: Way) -> None:
        if self._is_closed:
            raise trio.ClosedResourceError
        if way.is_broken:
            raise trio.BrokenResourceError

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        with self._alone("send"):
            way = self._outgoing
            self._check(way)
            if self._has_ended:
                raise trio.ClosedResourceError
            await trio.lowlevel.checkpoint()
            rest = memoryview(bytes(data))
            while True:
                self._check(way)
                if way.is_refused:
                    self._connection.reset()
                    raise trio.BrokenResourceError
                if not rest:
                    return
                if not way.is_full:
                    way.put(bytes(rest[:CAPACITY_BYTES]))
                    rest = rest[CAPACITY_BYTES:]
                    continue
                changed = way.changed
                with trio.move_on_at(way.refused_at):
                    await changed.wait()

    async def wait_send_all_might_not_block(self) -> None:
        raise NotImplementedError

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        with self._alone("receive"):
            await trio.lowlevel.checkpoint()
            way = self._incoming
            while True:
                self._check(way)
                arrival, end = way.next_arrival, self._gives_up_at
                if arrival <= trio.current_time():
                    return way.take(max_bytes or 1 << 16)
                if end <= trio.current_time():
                    self._connection.reset()
                    continue
                changed = way.changed
                with trio.move_on_at(min(arrival, end)):
                    await changed.wait()

    async def send_eof(self) -> None:
        with self._alone("send"):
            self._check(self._outgoing)
            self._has_ended = True
            self._outgoing.end()
            await trio.lowlevel.checkpoint()

    def close_nowait(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._incoming.has_unread:
            self._connection.reset()
        self._outgoing.end()
        self._incoming.stop_hearing(trio.current_time())
        self._incoming.tell()
        self._connection.closed(self)

    def vanish(self) -> None:
        """The machine that it is on is gone."""
        self._is_closed = True
        for way in (self._incoming, self._outgoing):
            way.lost_since = min(way.lost_since, trio.current_time())
            way.tell()

    async def aclose(self) -> None:
        self.close_nowait()
        await trio.lowlevel.checkpoint()


class Connection:
    """Two ends and the ways between them."""

    def __init__(self, network: "Network", dialling: int, accepting: int) -> None:
        self.ways = (
            Way(network, self, dialling, accepting),
            Way(network, self, accepting, dialling),
        )
        self.dialling = VirtualStream(self, self.ways[1], self.ways[0])
        self.accepting = VirtualStream(self, self.ways[0], self.ways[1])
        self._network = network
        self._open = {self.dialling, self.accepting}

    def ends_of(self, node_id: int) -> list[VirtualStream]:
        return [end for end in (self.dialling, self.accepting) if end.owner == node_id]

    @property
    def node_ids(self) -> tuple[int, int]:
        return self.dialling.owner, self.accepting.owner

    def reset(self) -> None:
        """It breaks, for both sides."""
        for way in self.ways:
            way.is_broken = True
        self.tell()

    def tell(self) -> None:
        """Whoever waits looks again."""
        for way in self.ways:
            way.tell()

    def closed(self, end: VirtualStream) -> None:
        self._open.discard(end)
        if not self._open:
            self._network.connections.pop(self, None)


class VirtualListener(trio.abc.Listener[VirtualStream]):
    """What a node listens with."""

    def __init__(self, network: "Network", node_id: int) -> None:
        self._network = network
        self._node_id = node_id
        self._came_in: deque[VirtualStream] = deque()
        self._changed = trio.Event()

    def knock(self, stream: VirtualStream) -> None:
        self._came_in.append(stream)
        self._changed.set()

    async def accept(self) -> VirtualStream:
        await trio.lowlevel.checkpoint()
        while not self._came_in:
            self._changed = trio.Event()
            await self._changed.wait()
        return self._came_in.popleft()

    async def aclose(self) -> None:
        self._network.listeners.pop(self._node_id, None)
        for stream in self._came_in:
            stream.close_nowait()
        await trio.lowlevel.checkpoint()


Pair = tuple[int, int]


class Network:
    """All listeners and connections. Nodes by id; 0 is whoever is no node.

    `latency_of` gives the seconds that bytes take from one to another now.
    """

    def __init__(self, rng: random.Random, latency_of: Callable[[int, int], float]) -> None:
        self.listeners: dict[int, VirtualListener] = {}
        self.connections: dict[Connection, None] = {}
        self.dials = 0
        self.latency = latency_of
        self._random = rng
        self._cuts: dict[Pair, float] = {}
        self._dark: set[int] = set()
        """Nodes whose machine is gone."""
        self._changed = trio.Event()

    # -- faults ------------------------------------------------------------------------------------
    def cut_since(self, src: int, dst: int) -> float:
        return self._cuts.get((src, dst), NEVER)

    def cut(self, pairs: list[Pair]) -> None:
        """Nothing passes from each first to each second, until `heal`."""
        for pair in pairs:
            self._cuts.setdefault(pair, trio.current_time())
        for connection in self.connections:
            connection.tell()

    def heal(self, pairs: list[Pair] | None = None) -> None:
        """All cuts, or these, are over."""
        now = trio.current_time()
        for pair in list(self._cuts) if pairs is None else pairs:
            since = self._cuts.pop(pair, None)
            if since is not None:
                for connection in self.connections:
                    for way in connection.ways:
                        if (way.src, way.dst) == pair:
                            way.resend(since, now)
        self._tell()

    def darken(self, node_id: int) -> None:
        """The machine of this node is gone: it does not even say so."""
        self._dark.add(node_id)
        for connection in self.connections:
            for end in connection.ends_of(node_id):
                end.vanish()

    def lighten(self, node_id: int) -> None:
        """It is there again, and knows of no connection."""
        self._dark.discard(node_id)
        for connection in list(self.connections):
            if (
                any(way.lost_since < NEVER for way in connection.ways)
                and node_id in connection.node_ids
            ):
                connection.reset()
                del self.connections[connection]
        self._tell()

    def break_some(self, share: float) -> None:
        """That share of all connections breaks."""
        for connection in list(self.connections):
            if self._random.random() < share:
                connection.reset()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    # -- connections -------------------------------------------------------------------------------
    async def connect(self, src: int, dst: int) -> VirtualStream:
        """Raises OSError where nobody listens."""
        self.dials += 1
        await trio.sleep(self.latency(src, dst))
        while self._cuts.keys() & {(src, dst), (dst, src)} or dst in self._dark:
            await self._changed.wait()
        listener = self.listeners.get(dst)
        if listener is None:
            raise OSError(errno.ECONNREFUSED, "Connection refused")
        connection = Connection(self, src, dst)
        self.connections[connection] = None
        listener.knock(connection.accepting)
        try:
            await trio.sleep(self.latency(dst, src))
        except trio.Cancelled:
            connection.dialling.close_nowait()
            raise
        return connection.dialling

    def listen(self, node_id: int) -> VirtualListener:
        assert node_id not in self.listeners, "one process at a time"
        listener = self.listeners[node_id] = VirtualListener(self, node_id)
        return listener
