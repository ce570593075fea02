"""Stand-ins for nodes: they speak the protocol's observer side, and stream what a test gives."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from node.client.address import ClusterAddress
from node.wire.codec import decode, encode_frame
from node.wire.framing import FrameReader
from node.wire.handshake import check_hello, make_welcome
from node.wire.messages import (
    PROTOCOL_VERSION,
    Challenge,
    Document,
    Goodbye,
    Hello,
    ReadLog,
    Subscribe,
    WireMessage,
)
from tui.nodes import Process

TOKEN = bytes(range(16))
CLUSTER_ID = "stand-in"
NONCE = bytes(16)
FRAME_BYTES_MAX = 1 << 20


class StandIn:
    """One node. `frames` is what a new subscriber gets; `send` streams on to all of them."""

    def __init__(self, node_id: int, frames: Iterable[WireMessage] = (), boot: int = 1) -> None:
        self.node_id = node_id
        self.boot = boot
        self.frames: list[WireMessage] = list(frames)
        self.subscriptions: list[Subscribe] = []
        self.protocol = PROTOCOL_VERSION
        self.log: dict[str, Any] | None = None
        """What it answers to ReadLog; None: nothing."""
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self.subscribed = asyncio.Event()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Nothing listens any more, and who was connected is not."""
        assert self._server is not None, "it was started"
        self._server.close()
        for writer in self._writers:
            writer.close()
        self._writers.clear()
        self.subscribed.clear()

    def send(self, frames: Iterable[WireMessage]) -> None:
        data = b"".join(map(encode_frame, frames))
        for writer in self._writers:
            writer.write(data)

    async def drain(self) -> None:
        await asyncio.gather(*(writer.drain() for writer in self._writers))

    def tell_log(self, message: ReadLog, writer: asyncio.StreamWriter) -> None:
        """All of it, whatever is asked for."""
        assert self.log is not None, "it has one"
        writer.write(encode_frame(Document(message.id, self.log)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = FrameReader(FRAME_BYTES_MAX)
        writer.write(encode_frame(Challenge(self.protocol, NONCE)))
        try:
            while data := await reader.read(65_536):
                for payload in frames.feed(data):
                    self._take(decode(payload), writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _take(self, message: object, writer: asyncio.StreamWriter) -> None:
        if isinstance(message, Hello):
            refusal: Goodbye | None = check_hello(
                message,
                token=TOKEN,
                cluster_id=CLUSTER_ID,
                challenge_nonce=NONCE,
                node_id=self.node_id,
                peer_ids=(),
            )
            assert refusal is None, refusal
            welcome = make_welcome(
                TOKEN, message, NONCE, node_id=self.node_id, incarnation=self.boot, last_applied=0
            )
            writer.write(encode_frame(welcome))
        elif isinstance(message, ReadLog) and self.log is not None:
            self.tell_log(message, writer)
        elif isinstance(message, Subscribe):
            self.subscriptions.append(message)
            writer.write(b"".join(map(encode_frame, self.frames)))
            self._writers.append(writer)
            self.subscribed.set()


@contextmanager
def serving(node: StandIn) -> Iterator[None]:
    """The stand-in, in a thread of its own."""
    is_up = Event()
    loop = asyncio.new_event_loop()

    def run() -> None:
        loop.run_until_complete(node.start())
        is_up.set()
        loop.run_forever()
        loop.run_until_complete(node.stop())
        loop.close()

    thread = Thread(target=run)
    thread.start()
    try:
        assert is_up.wait(10)
        yield
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


class MadeUp:
    """A source whose cluster and processes a test changes."""

    unclear = ""

    def __init__(self, address: ClusterAddress | None) -> None:
        self.name = "made-up"
        self.address = address
        self.found: dict[int, Process] = {}
        self.written: dict[int, list[str]] = {}
        self.changes = 0
        """How often the feed said that it is another cluster, the first one among them."""

    def count_change(self) -> None:
        self.changes += 1

    def processes(self) -> Mapping[int, Process]:
        return self.found

    def output(self, node_id: int) -> list[str]:
        return [*self.written[node_id]]


def address_of(ports: dict[int, int]) -> ClusterAddress:
    """Where stand-ins listen; `ports` by node, looked at each time."""
    nodes = {node_id: ("127.0.0.1", port) for node_id, port in ports.items()}
    return ClusterAddress(CLUSTER_ID, TOKEN, nodes, FRAME_BYTES_MAX)
