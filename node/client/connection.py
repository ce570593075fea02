"""One connection to one node, without a socket: bytes in, messages out, and the introduction."""

from collections import deque

from node.client.address import ClusterAddress
from node.client.errors import UnreachableError
from node.raft.messages import Message
from node.wire.codec import WireError, decode, encode_frame
from node.wire.framing import FrameError, FrameReader
from node.wire.handshake import HandshakeError, check_welcome, make_hello
from node.wire.messages import Challenge, Goodbye, Hello, Role, Welcome, WireMessage


class Connection:
    """Feed it what the socket gave, send what it gives. Requests queue until it is open."""

    def __init__(self, address: ClusterAddress, node_id: int, role: Role, nonce: bytes) -> None:
        """`nonce`: 16 random bytes, new for each connection."""
        self.node_id = node_id
        self.welcome: Welcome | None = None
        self._address = address
        self._role: Role = role
        self._nonce = nonce
        self._reader = FrameReader(address.frame_bytes_max)
        self._challenge: Challenge | None = None
        self._hello: Hello | None = None
        self._outgoing: list[bytes] = []
        self._early: list[bytes] = []
        self.incoming: deque[WireMessage | Message] = deque()

    @property
    def is_open(self) -> bool:
        return self.welcome is not None

    def send(self, message: WireMessage) -> None:
        """Queue a request."""
        (self._outgoing if self.is_open else self._early).append(encode_frame(message))

    def take_outgoing(self) -> bytes:
        """The bytes to send now."""
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        return data

    def feed(self, data: bytes) -> None:
        """Take bytes from the socket; messages appear in `incoming`.

        Raises UnreachableError when the node refuses, is not of this cluster, or talks nonsense.
        """
        try:
            for payload in self._reader.feed(data):
                self._take(decode(payload))
        except (FrameError, WireError) as error:
            raise UnreachableError("protocol", f"n{self.node_id} sent nonsense: {error}") from error
        except HandshakeError as error:
            raise UnreachableError(error.code, f"n{self.node_id}: {error.reason}") from error

    def _take(self, message: WireMessage | Message) -> None:
        match message:
            case Goodbye(code, reason):
                raise UnreachableError(code, f"n{self.node_id} closed the connection: {reason}")
            case _ if self.is_open:
                self.incoming.append(message)
            case Challenge() if self._challenge is None:
                self._challenge = message
                self._introduce(message)
            case Welcome() if self._challenge is not None and self._hello is not None:
                check_welcome(
                    message, self._hello, self._address.token, self._challenge.nonce, self.node_id
                )
                self.welcome = message
                self._outgoing += self._early
                self._early.clear()
            case _:
                raise HandshakeError("protocol", f"{type(message).__name__} out of turn")

    def _introduce(self, challenge: Challenge) -> None:
        self._hello = make_hello(
            self._address.token,
            cluster_id=self._address.cluster_id,
            node_id=0,
            incarnation=0,
            role=self._role,
            nonce=self._nonce,
            challenge=challenge,
            dialled_id=self.node_id,
        )
        self._outgoing.append(encode_frame(self._hello))
