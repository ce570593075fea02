"""Messages between the members, over TCP. Each pair has two connections, one in each direction.

    a frame:  length (4)  body

The first frame of a connection says who sends, to whom, and in which cluster. Each frame after it
is one message of that member. Whoever sends anything else is dropped, and may try again.

To send is to put into a queue: it never waits, for a peer, a connection or a full buffer, because
Raft calls it from within, and would miss its heartbeats. What does not fit into the queue is lost,
and so is what was on its way when a connection broke. Raft repeats what matters.
"""

import queue
import select
import socket
import struct
import time
from collections.abc import Callable, Sequence
from io import BufferedIOBase
from socketserver import StreamRequestHandler
from threading import Thread

from examples.kv_store.codec import MESSAGE_BYTES_MAX, decode_message, encode_message, sender_of
from examples.kv_store.listening import HOST, ThreadedServer
from node.raft import Message, RemoteProtocolError

QUEUE_MAX = 256
"""Raft has at most 64 messages with entries on their way to a peer; the others are small."""
CONNECTIONS_MAX = 64
GREETING_BYTES_MAX = 1024
GREETING_SECONDS_MAX = 5.0
SEND_SECONDS_MAX = 1.0
RETRY_SECONDS = 0.1

_LENGTH = struct.Struct(">I")


class Peers:
    """The other members. `ports[n]` is where member n listens for messages."""

    def __init__(self, own_id: int, ports: Sequence[int], say: Callable[[str], None]) -> None:
        """Raises OSError when the port is taken."""
        self._links = {
            peer_id: _Link(port, _greeting(own_id, peer_id, ports))
            for peer_id, port in enumerate(ports)
            if peer_id != own_id
        }
        greetings = {_greeting(peer_id, own_id, ports): peer_id for peer_id in self._links}
        self._inbound = _Inbound(ports[own_id], greetings, say)

    def start(self, deliver: Callable[[Message], None]) -> None:
        """Begin to send, and to call `deliver`, on a thread for each connection."""
        self._inbound.deliver = deliver
        for run in (*(link.run for link in self._links.values()), self._inbound.serve_forever):
            Thread(target=run, daemon=True).start()

    def send(self, peer_id: int, message: Message) -> None:
        self._links[peer_id].send(message)


def _greeting(from_id: int, to_id: int, ports: Sequence[int]) -> bytes:
    """Members with different ideas of their cluster must not count each other's votes."""
    members = ",".join(map(str, ports))
    return f"kv_store 1, from member {from_id} to member {to_id} of {members}".encode()


def _frame(body: bytes) -> bytes:
    return _LENGTH.pack(len(body)) + body


def _read_frame(stream: BufferedIOBase, bytes_max: int) -> bytes | None:
    """The next frame; None when the connection has ended. Raises ValueError for one too long."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > bytes_max:
        raise ValueError(f"a frame of {length} bytes")
    body = stream.read(length)
    return body if len(body) == length else None


class _Link:
    """What is to be sent to one peer, and the thread that sends it."""

    def __init__(self, port: int, greeting: bytes) -> None:
        self._port = port
        self._greeting = greeting
        self._queue: queue.Queue[Message] = queue.Queue(QUEUE_MAX)
        self._connection: socket.socket | None = None

    def send(self, message: Message) -> None:
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            return  # a lost message

    def run(self) -> None:
        while True:
            message = self._queue.get()
            try:
                self._connected().sendall(_frame(encode_message(message)))
            except OSError:
                self._disconnect()
                time.sleep(RETRY_SECONDS)
                self._forget()

    def _connected(self) -> socket.socket:
        if self._connection is not None and _is_ended(self._connection):
            self._disconnect()
        if self._connection is None:
            connection = socket.create_connection((HOST, self._port), SEND_SECONDS_MAX)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection = connection
            connection.sendall(_frame(self._greeting))
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _forget(self) -> None:
        """What was queued for a peer that was away is old news."""
        for _ in range(self._queue.qsize()):
            self._queue.get_nowait()


def _is_ended(connection: socket.socket) -> bool:
    """The other end never writes, so there is nothing to read until it is gone."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


class _Inbound(ThreadedServer):
    """Where the peers connect to."""

    deliver: Callable[[Message], None]

    def __init__(self, port: int, greetings: dict[bytes, int], say: Callable[[str], None]) -> None:
        self.greetings = greetings
        self._say = say
        self._last_complaint = ""
        super().__init__(port, _InboundConnection, CONNECTIONS_MAX)

    def complain(self, about: str) -> None:
        """Once, not each time that a peer tries again."""
        if about != self._last_complaint:
            self._last_complaint = about
            self._say(f"dropped a peer that sent {about}")


class _InboundConnection(StreamRequestHandler):
    server: _Inbound
    timeout = GREETING_SECONDS_MAX

    def handle(self) -> None:
        try:
            greeting = _read_frame(self.rfile, GREETING_BYTES_MAX)
            peer_id = self.server.greetings.get(greeting or b"")
            if peer_id is None:
                raise ValueError(f"the greeting {greeting!r}")
            self.connection.settimeout(None)  # a peer may have nothing to say for a long time
            while (body := _read_frame(self.rfile, MESSAGE_BYTES_MAX)) is not None:
                message = decode_message(body)
                if sender_of(message) != peer_id:
                    raise ValueError(f"{message}, and is member {peer_id}")
                self.server.deliver(message)
        except (ValueError, RemoteProtocolError) as error:
            self.server.complain(str(error)[:200])
