"""Clients of nodes in virtual time: by the rules of real ones, over real sessions.

Each checks that every request of a connection gets one answer, and what it watches is all that the
log did.
"""

from collections.abc import Sequence
from typing import Any

import trio

from node.client.address import ClusterAddress
from node.client.connection import Connection
from node.client.errors import ClientError, OutcomeUnknownError, UnreachableError
from node.client.session import Call, Pause, Sequences
from node.machines import kv
from node.raft.messages import Message
from node.sim.asking import command_of
from node.sim.client import value_seen
from node.sim.streams import stream
from node.verify.observation import Kind, Operation
from node.wire.envelope import SessionExpiredError, read_result, seal
from node.wire.messages import (
    Answer,
    Applied,
    Bulk,
    Changed,
    Changes,
    Document,
    Failure,
    Happened,
    Keyframe,
    Propose,
    Read,
    ReadMode,
    Role,
    Subscribe,
    Watch,
    WireMessage,
)
from tests.sim.virtual_hosts import TOKEN, World
from tests.sim.virtual_streams import VirtualStream

CLIENT = 0
"""Whoever is no node."""
BURST_SECONDS_MAX = 13.0
"""A connection that asks nothing more ends by then, whatever happens."""
END_SECONDS_MAX = 4.0
"""After its last answer: a network that is silent may hold back its end."""


class ClientLink:
    """An open connection to a node, from outside of the cluster."""

    def __init__(
        self, world: World, node_id: int, role: Role, nonce: bytes, origin: int = CLIENT
    ) -> None:
        """`origin`: the machine that it comes from, for the network."""
        self.node_id = node_id
        self._origin = origin
        self.unanswered: set[int] = set()
        spec = world.spec
        nodes = {node.id: (node.host, node.port) for node in spec.nodes}
        address = ClusterAddress(spec.cluster_id, TOKEN, nodes, spec.limits.frame_bytes_max)
        self._world = world
        self._connection = Connection(address, node_id, role, nonce)
        self._stream: VirtualStream | None = None
        self._next_id = 0

    async def open(self, until: float) -> None:
        """Raises UnreachableError."""
        try:
            with trio.fail_at(until):
                self._stream = await self._world.network.connect(self._origin, self.node_id)
        except (OSError, trio.TooSlowError) as error:
            raise UnreachableError("refused", f"n{self.node_id}: {error}") from error
        try:
            while not self._connection.is_open:
                await self._receive(until)
                await self._flush(until)
        except BaseException:
            self.close()
            raise

    @property
    def last_applied(self) -> int:
        assert self._connection.welcome is not None
        return self._connection.welcome.last_applied

    def new_id(self) -> int:
        self._next_id += 1
        self.unanswered.add(self._next_id)
        return self._next_id

    async def send(self, messages: Sequence[WireMessage], until: float) -> None:
        """Raises UnreachableError."""
        for message in messages:
            self._connection.send(message)
        await self._flush(until)

    async def send_eof(self) -> None:
        """Raises UnreachableError."""
        assert self._stream is not None
        try:
            await self._stream.send_eof()
        except trio.BrokenResourceError as error:
            raise self._broken("broke") from error

    async def _flush(self, until: float) -> None:
        assert self._stream is not None
        data = self._connection.take_outgoing()
        try:
            if data:
                with trio.fail_at(until):
                    await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.TooSlowError) as error:
            raise self._broken("broke") from error

    def _broken(self, how: str) -> UnreachableError:
        return UnreachableError("gone", f"the connection to n{self.node_id} {how}")

    async def _receive(self, until: float) -> None:
        assert self._stream is not None
        try:
            with trio.fail_at(until):
                data = await self._stream.receive_some()
        except trio.TooSlowError as error:
            raise UnreachableError("silent", f"n{self.node_id} does not answer") from error
        except trio.BrokenResourceError as error:
            raise self._broken("broke") from error
        if not data:
            raise self._broken("ended")
        self._connection.feed(data)

    async def next_message(self, until: float) -> WireMessage | Message:
        """Raises UnreachableError."""
        while not self._connection.incoming:
            await self._receive(until)
        message = self._connection.incoming.popleft()
        if isinstance(message, Applied | Answer | Failure | Document):
            assert message.id in self.unanswered, f"a second answer: {message}"
            self.unanswered.remove(message.id)
        return message

    async def reply_to(self, request: Any, until: float) -> Any:
        """Ask, and wait for the answer. Raises UnreachableError."""
        await self.send([request], until)
        while True:
            message: Any = await self.next_message(until)
            if message.id == request.id:
                return message

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close_nowait()


class VirtualClient:
    """One client, one operation at a time, as `node.client.blocking`."""

    def __init__(self, world: World, number: int, timeout: float) -> None:
        self.id = number
        self.random = stream(world.seed, "client", number)
        self._world = world
        self._timeout = timeout
        self._link: ClientLink | None = None
        self._answered_by: int | None = None
        self._sequences = self._new_session()
        self._written = 0
        self._seen: dict[str, bytes | None] = {}

    def _new_session(self) -> Sequences:
        return Sequences(self.random.getrandbits(64))

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    async def operate(
        self, kind: Kind, key: str, mode: ReadMode = "linearizable", only: int | None = None
    ) -> Operation:
        """Do this, and give what came of it."""
        value = expected = None
        if kind in ("put", "cas"):
            self._written += 1
            value = f"c{self.id}.{self._written}".encode()
        if kind == "cas":
            expected = self._seen.get(key)
        number = 0 if kind == "get" else self._sequences.take()
        now = trio.current_time()
        operation = Operation(
            self.id, number, kind, key, value, expected, mode, round(now * 1e6), asked=only
        )
        call = Call(self._world.hosts.keys(), self._answered_by, now, self._timeout, only)
        self._look("invoked", operation)
        try:
            await self._run(call, operation, number)
        except OutcomeUnknownError:
            operation.outcome = "unknown"
        except ClientError:
            operation.outcome = "fail"
        operation.ended_at = round(trio.current_time() * 1e6)
        self._world.counts[str(operation.outcome)] += 1
        if operation.outcome == "ok":
            self._seen[operation.key] = value_seen(operation)
        self._look("answered", operation)
        return operation

    def _look(self, what: str, operation: Operation) -> None:
        for look in getattr(self._world.observers, what):
            look(operation)

    async def _run(self, call: Call, operation: Operation, number: int) -> None:
        """Raises ClientError."""
        try:
            while not await self._attempt(call, operation, number):
                if number and operation.outcome == "fail":  # the session was evicted
                    operation.outcome = None
                    self._sequences.done(number)
                    self._sequences = self._new_session()
                    number = self._sequences.take()
        finally:
            if number:
                self._sequences.done(number)

    async def _attempt(self, call: Call, operation: Operation, number: int) -> bool:
        """Whether it has ended. Raises ClientError."""
        step = call.next(trio.current_time())
        if isinstance(step, Pause):
            await trio.sleep_until(step.until)
            return False
        node_id = step.node_id
        try:
            link = await self._link_to(node_id, step.until)
            request = self._request(link, call, operation, number)
            if number:
                call.sent()
            operation.attempts += 1
            reply = await link.reply_to(request, step.until)
        except UnreachableError as error:
            self.close()
            call.unreachable(error)
            return False
        if isinstance(reply, Failure):
            call.refused(node_id, reply)
            return False
        self._answered_by = operation.node_id = node_id
        operation.index = reply.index
        body = reply.result
        if isinstance(reply, Applied):
            try:
                body = read_result(reply.result)
            except SessionExpiredError:
                operation.outcome = "unknown" if call.is_in_doubt else "fail"
                return call.is_in_doubt
        operation.outcome = "ok"
        operation.result = kv.decode_result(body)
        return True

    def _request(
        self, link: ClientLink, call: Call, operation: Operation, number: int
    ) -> WireMessage:
        if operation.kind == "get":
            here = call.is_for_one or operation.mode == "stale"
            return Read(link.new_id(), kv.get(operation.key), operation.mode, here)
        self._sequences.begin(link.last_applied)
        command = seal(self._sequences.header(number), command_of(operation))
        return Propose(link.new_id(), command, call.is_for_one)

    async def _link_to(self, node_id: int, until: float) -> ClientLink:
        if self._link is not None and self._link.node_id == node_id:
            return self._link
        self.close()
        link = ClientLink(self._world, node_id, "client", self.random.randbytes(16))
        await link.open(until)
        self._link = link
        return link

    # -- many at once ------------------------------------------------------------------------------
    async def burst(self, node_id: int, count: int) -> None:
        """Ask a node for many things at once, and then for nothing more: unless the connection
        breaks, each has one answer, and then comes the end.
        """
        world, until = self._world, trio.current_time() + BURST_SECONDS_MAX
        link = ClientLink(world, node_id, "client", self.random.randbytes(16))
        asked: dict[int, Operation] = {}
        try:
            await link.open(until)
            sequences = self._new_session()
            sequences.begin(link.last_applied)
            requests = [self._one_of_many(link, sequences, asked) for _ in range(count)]
            at = self.random.randrange(count)
            for some in (requests[:at], requests[at:]):
                await link.send(some, until)
            await link.send_eof()
            while True:
                message = await link.next_message(until)
                self._answered(asked, message, node_id)
                if not asked:
                    until = trio.current_time() + END_SECONDS_MAX
        except UnreachableError as error:
            end = error
        finally:
            link.close()
            left, asked = asked, {}
            for operation in left.values():
                operation.outcome = "unknown"
                self._look("answered", operation)
        is_cut_off = "broke" in str(end) or not world.hosts[node_id].is_running
        world.counts["burst broke" if is_cut_off else "burst"] += 1
        assert is_cut_off or not left, f"n{node_id} left {len(left)} unanswered: {end}"
        assert end.code != "silent", f"n{node_id} does not end it"

    def _one_of_many(
        self, link: ClientLink, sequences: Sequences, asked: dict[int, Operation]
    ) -> WireMessage:
        key = f"k{self.random.randrange(4)}"
        now = round(trio.current_time() * 1e6)
        here = self.random.random() < 0.3
        if self.random.random() < 0.5:
            number = sequences.take()
            self._written += 1
            value = f"c{self.id}.{self._written}".encode()
            operation = Operation(self.id, number, "put", key, value, None, "linearizable", now)
            command = seal(sequences.header(number), command_of(operation))
            request: Any = Propose(link.new_id(), command, here)
        else:
            mode = self.random.choice(("linearizable", "lease", "stale"))
            operation = Operation(self.id, 0, "get", key, None, None, mode, now)  # type: ignore[arg-type]
            request = Read(link.new_id(), kv.get(key), mode, here)  # type: ignore[arg-type]
        asked[request.id] = operation
        self._look("invoked", operation)
        return request  # type: ignore[no-any-return]

    def _answered(self, asked: dict[int, Operation], message: Any, node_id: int) -> None:
        operation = asked.pop(message.id)
        operation.node_id, operation.ended_at = node_id, round(trio.current_time() * 1e6)
        if isinstance(message, Failure):
            operation.outcome = "unknown" if message.outcome == "unknown" else "fail"
        else:
            operation.index = message.index
            body = read_result(message.result) if isinstance(message, Applied) else message.result
            operation.result = kv.decode_result(body)
            operation.outcome = "ok"
        self._world.counts["of a burst"] += 1
        self._look("answered", operation)


async def watch(world: World, node_id: int, number: int) -> None:
    """Follow what the machine of a node changes until the connection ends: nothing is left out."""
    link = ClientLink(world, node_id, "client", stream(world.seed, "watch", number).randbytes(16))
    try:
        await link.open(trio.current_time() + 1)
        request = Watch(link.new_id(), kv.watch(""), 0)
        await link.send([request], trio.current_time() + 1)
        through = None
        while True:
            message: Any = await link.next_message(float("inf"))
            if isinstance(message, Failure):
                assert message.code == "history_lost", message
                return
            assert isinstance(message, Changes)
            if through is not None:
                wanted = [
                    world.changes[index]
                    for index in range(through + 1, message.index + 1)
                    if index in world.changes
                ]
                assert [kv.decode_result(change) for change in message.changes] == wanted
            through = message.index
            world.counts["watched"] += len(message.changes)
    except UnreachableError:
        return
    finally:
        link.close()


async def observe(world: World, node_id: int, number: int) -> None:
    """Follow what happens on a node until the connection ends: the numbers have no hole."""
    nonce = stream(world.seed, "observe", number).randbytes(16)
    link = ClientLink(world, node_id, "observer", nonce)
    try:
        await link.open(trio.current_time() + 1)
        request = Subscribe(link.new_id(), history=bool(number % 2))
        frame: Any = await link.reply_to(request, trio.current_time() + 5)
        while not isinstance(frame, Keyframe):  # history alone comes before it
            assert isinstance(frame, Happened)
            frame = await link.next_message(float("inf"))
        last = frame.seq
        while True:
            frame = await link.next_message(float("inf"))
            assert isinstance(frame, Happened | Changed | Bulk)
            assert frame.seq == last + 1
            last = frame.seq
            world.counts["observed"] += 1
    except UnreachableError:
        return
    finally:
        link.close()


async def command(world: World, node_id: int, request_of: Any, nonce: bytes) -> Any:
    """Ask a node as an operator; `request_of` gives the request its id. None: nobody answers."""
    link = ClientLink(world, node_id, "admin", nonce)
    until = trio.current_time() + 3
    try:
        await link.open(until)
        return await link.reply_to(request_of(link.new_id()), until)
    except UnreachableError:
        return None
    finally:
        link.close()
