"""A blocking connection to one node."""

import os
import select
import socket as sockets
import time
from typing import Any

from node.client.address import ClusterAddress
from node.client.connection import Connection
from node.client.errors import UnreachableError
from node.raft.messages import Message
from node.wire.handshake import NONCE_BYTES
from node.wire.messages import Role, WireMessage

RECEIVE_BYTES = 256 * 1024


class Link:
    """An open connection to one node."""

    def __init__(self, address: ClusterAddress, node_id: int, role: Role, until: float) -> None:
        """Connect and introduce each other, until then (monotonic seconds).

        Raises UnreachableError.
        """
        self.node_id = node_id
        self._connection = Connection(address, node_id, role, os.urandom(NONCE_BYTES))
        self._next_id = 0
        host, port = address.nodes[node_id]
        try:
            self._socket = sockets.create_connection((host, port), timeout=seconds_left(until))
        except OSError as error:
            raise unreachable(node_id, host, port, error) from error
        self._socket.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
        try:
            while not self._connection.is_open:
                self.flush()
                self._receive(until)
            self.flush()
        except BaseException:
            self.close()
            raise

    @property
    def last_applied(self) -> int:
        """What the node had applied when this connection opened."""
        welcome = self._connection.welcome
        assert welcome is not None, "links are open"
        return welcome.last_applied

    @property
    def boot(self) -> int:
        """Which life of the node this is."""
        welcome = self._connection.welcome
        assert welcome is not None, "links are open"
        return welcome.incarnation

    def new_id(self) -> int:
        self._next_id += 1
        return self._next_id

    def queue(self, message: WireMessage) -> None:
        """Send with the next `flush`."""
        self._connection.send(message)

    def send(self, message: WireMessage) -> None:
        """Raises UnreachableError."""
        self._connection.send(message)
        self.flush()

    def flush(self) -> None:
        """Send all that is queued. Raises UnreachableError."""
        data = self._connection.take_outgoing()
        if data:
            try:
                self._socket.sendall(data)
            except OSError as error:
                raise broken(self.node_id) from error

    def _receive(self, until: float | None) -> None:
        self._socket.settimeout(None if until is None else seconds_left(until))
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except TimeoutError as error:
            raise UnreachableError("silent", f"n{self.node_id} does not answer") from error
        except OSError as error:
            raise broken(self.node_id) from error
        if not data:
            raise broken(self.node_id)
        self._connection.feed(data)

    def next_message(self, until: float | None) -> WireMessage | Message:
        """The next message of any kind; `until` None waits for ever. Raises UnreachableError."""
        while not self._connection.incoming:
            self._receive(until)
        return self._connection.incoming.popleft()

    def next_messages(self, until: float) -> list[WireMessage | Message]:
        """All that arrived, at least one message. Raises UnreachableError."""
        while not self._connection.incoming:
            self._receive(until)
        return self.take_messages()

    def has_more(self, seconds: float) -> bool:
        """Wait for so long; whether anything has arrived."""
        return bool(self._connection.incoming or select.select([self._socket], [], [], seconds)[0])

    @property
    def socket(self) -> sockets.socket:
        """For a selector, to wait for several links at once."""
        return self._socket

    def take_messages(self) -> list[WireMessage | Message]:
        """What has arrived already, without waiting."""
        messages = list(self._connection.incoming)
        self._connection.incoming.clear()
        return messages

    def reply_to(self, request_id: int, until: float) -> Any:  # noqa: ANN401 - whatever answers it
        """The reply with this id; answers to requests that were given up are skipped."""
        while True:
            message = self.next_message(until)
            if getattr(message, "id", None) == request_id:
                return message

    def close(self) -> None:
        self._socket.close()


def seconds_left(until: float) -> float:
    return max(until - time.monotonic(), 0.001)


def broken(node_id: int) -> UnreachableError:
    return UnreachableError("gone", f"the connection to n{node_id} broke")


def unreachable(node_id: int, host: str, port: int, error: OSError) -> UnreachableError:
    if isinstance(error, TimeoutError):
        return UnreachableError("silent", f"n{node_id} ({host}:{port}) does not answer")
    return UnreachableError("refused", f"n{node_id} ({host}:{port}): {error.strerror or error}")
