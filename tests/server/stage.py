"""A node of one in this process, and connections into it that skip the introduction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import trio

from node.config import ClusterSpec, Limits, NodeAddress, RaftSettings, first_configuration
from node.machines.base import StateMachine
from node.machines.kv import KvMachine
from node.raft.messages import Message
from node.server.nodefaults import NodeFaults
from node.server.run import Stores, assemble
from node.server.sessions import Session
from node.server.watches import Watches
from node.storage.memory import MemorySnapshots, MemoryStorage
from node.transport.channel import Channel
from node.transport.opening import BUFFER_BYTES_MAX
from node.wire.codec import decode, encode_frame
from node.wire.envelope import Header, seal
from node.wire.framing import FrameReader
from node.wire.messages import PROTOCOL_VERSION, Hello, Role, WireMessage
from tests.transport.pairs import tcp_pair

SECONDS_MAX = 20


class Visitor:
    """The other end of a connection to the node."""

    def __init__(self, stream: trio.SocketStream, session: Session, channel: Channel) -> None:
        self.stream = stream
        self.session = session
        self.channel = channel
        self.over = trio.Event()
        self._reader = FrameReader(1 << 28)
        self._messages: list[WireMessage | Message] = []

    async def send(self, *messages: WireMessage) -> None:
        await self.stream.send_all(b"".join(map(encode_frame, messages)))

    async def receive(self) -> WireMessage | Message | None:
        """The next message; None at the end of the stream."""
        while not self._messages:
            try:
                data = await self.stream.receive_some(1 << 20)
            except trio.BrokenResourceError:
                return None
            if not data:
                return None
            self._messages += map(decode, self._reader.feed(data))
        return self._messages.pop(0)

    async def rest(self) -> list[WireMessage | Message]:
        """Everything up to the end of the stream."""
        found = []
        while (message := await self.receive()) is not None:
            found.append(message)
        return found


class Stage:
    """The node, which leads itself."""

    def __init__(
        self, nursery: trio.Nursery, machine: StateMachine, limits: Limits, size: int = 1
    ) -> None:
        """Of more than one node, the others are not there."""
        raft = RaftSettings(heartbeat_ms=50, election_timeout_ms=60)
        nodes = tuple(NodeAddress(number, "127.0.0.1", number) for number in range(1, size + 1))
        spec = ClusterSpec("stage", "stage", nodes, raft=raft, limits=limits)
        stores = Stores(
            MemoryStorage(first_configuration(nodes)),
            MemorySnapshots("stage"),
            False,
            NodeFaults(Random(1)),
        )
        self.node = assemble(Path("stage"), spec, b"t" * 32, 1, stores, lambda: machine)
        self.watches = Watches(self.node.driver, limits.frame_bytes_max)
        self.node.driver.after_apply(self.watches.send_changes)
        self._nursery = nursery
        self._sequence = 0

    def command(self, payload: bytes) -> bytes:
        """The next command of one client that has all results."""
        self._sequence += 1
        return seal(Header(7, self._sequence, self._sequence, 0), payload)

    async def visit(self, role: Role = "client", buffer_bytes_max: int | None = None) -> Visitor:
        here, there = tcp_pair(4096)
        channel = Channel(here, 4096, buffer_bytes_max or BUFFER_BYTES_MAX)
        hello = Hello(PROTOCOL_VERSION, "stage", 0, 0, role, b"", b"")
        session = Session(self.node, channel, hello, self.watches)
        visitor = Visitor(there, session, channel)

        async def serve() -> None:
            try:
                await session.run()
                await channel.aclose()
                visitor.over.set()
                await trio.sleep_forever()
            finally:
                here.socket.close()
                there.socket.close()

        self._nursery.start_soon(serve)
        return visitor

    async def until_leader(self) -> None:
        while not self.node.driver.replica.core.is_leader:
            await trio.lowlevel.checkpoint()


@asynccontextmanager
async def stage(
    machine: StateMachine | None = None, limits: Limits | None = None
) -> AsyncIterator[Stage]:
    with trio.fail_after(SECONDS_MAX):
        async with trio.open_nursery() as nursery:
            made = Stage(nursery, machine or KvMachine(), limits or Limits())
            nursery.start_soon(made.node.driver.run)
            await made.until_leader()
            yield made
            nursery.cancel_scope.cancel()
