"""Who may stand where a client expects a node: one that loses answers, and one that is no node."""

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, Self

from node.client.address import ClusterAddress
from node.wire.codec import decode, encode_frame
from node.wire.envelope import EXPIRED_RESULT
from node.wire.framing import FrameReader, frame
from node.wire.messages import PROTOCOL_VERSION, Applied, Challenge, Hello, Propose, Welcome

JOIN_SECONDS = 10
FRAME_BYTES_MAX = 1 << 24

Serve = Callable[[int, socket.socket], None]
Trouble = Literal["request", "answer", "expired"]


class Listeners:
    """A port for each node of `real`, and a thread for each connection to one."""

    def __init__(self, real: ClusterAddress, serve: Serve) -> None:
        self._serve = serve
        self._sockets = {node: socket.create_server(("127.0.0.1", 0)) for node in real.nodes}
        nodes: dict[int, tuple[str, int]] = {
            node: ("127.0.0.1", each.getsockname()[1]) for node, each in self._sockets.items()
        }
        self.address = ClusterAddress(real.cluster_id, real.token, nodes, real.frame_bytes_max)
        self._threads = [
            threading.Thread(target=self._accept, args=item, daemon=True)
            for item in self._sockets.items()
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        for listener in self._sockets.values():
            listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
        for thread in self._threads:
            thread.join(JOIN_SECONDS)
            assert not thread.is_alive(), "the client has closed its connections by now"
        for listener in self._sockets.values():
            listener.close()

    def _accept(self, node_id: int, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:  # one connection to a node at a time: the client is a blocking one
                self._serve(node_id, client)


class LossyMiddle:
    """Forwards to the real nodes; where told to, cuts a connection that carried a command.

    "request": once the node was sent the command; "answer": once the node has applied it. Or, with
    "expired", says that nobody knows the client's session any more.
    """

    def __init__(self, real: ClusterAddress) -> None:
        self._real = real
        self._cuts: list[Trouble] = []
        self.commands: list[bytes] = []

    def cut(self, *when: Trouble) -> None:
        """Cut as many connections, one after the other."""
        self._cuts = list(when)

    @property
    def cuts_left(self) -> int:
        return len(self._cuts)

    def serve(self, node_id: int, client: socket.socket) -> None:
        with socket.create_connection(self._real.nodes[node_id]) as node:
            readers = {client: FrameReader(FRAME_BYTES_MAX), node: FrameReader(FRAME_BYTES_MAX)}
            while True:
                for source in select.select([client, node], [], [])[0]:
                    try:
                        data = source.recv(65536)
                    except ConnectionResetError:
                        return
                    if not data:
                        return
                    target = node if source is client else client
                    for payload in readers[source].feed(data):
                        if not self._forward(payload, target):
                            return

    def _forward(self, payload: bytes, target: socket.socket) -> bool:
        """Whether the connection goes on."""
        message = decode(payload)
        if isinstance(message, Applied) and self._cuts and self._cuts[0] == "answer":
            self._cuts.pop(0)
            return False
        if isinstance(message, Applied) and self._cuts and self._cuts[0] == "expired":
            self._cuts.pop(0)
            expired = Applied(message.id, message.index, message.term, EXPIRED_RESULT)
            target.sendall(encode_frame(expired))
            return True
        target.sendall(frame(payload))
        if isinstance(message, Propose):
            self.commands.append(message.command)
            if self._cuts and self._cuts[0] == "request":
                self._cuts.pop(0)
                return False
        return True


@contextmanager
def lossy_middle(real: ClusterAddress) -> Iterator[tuple[LossyMiddle, ClusterAddress]]:
    """A middle, and the address at which it stands in for the nodes of `real`."""
    middle = LossyMiddle(real)
    with Listeners(real, middle.serve) as listeners:
        yield middle, listeners.address


class Impostor:
    """Takes every Hello, welcomes whoever sends it, and knows no token. Keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def serve(self, node_id: int, client: socket.socket) -> None:
        reader = FrameReader(FRAME_BYTES_MAX)
        client.sendall(encode_frame(Challenge(PROTOCOL_VERSION, bytes(16))))
        while data := client.recv(65536):
            for message in map(decode, reader.feed(data)):
                self.told.append(message)
                if isinstance(message, Hello):
                    client.sendall(encode_frame(Welcome(node_id, 1, bytes(32), 0)))
