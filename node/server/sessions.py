"""One connection that came in: who it is decides what it may say.

A connection that breaks the rules is closed, with a Goodbye where it can still read one, a line in
the log and a counter; the node goes on.

Every request is answered once, and `_open` counts those that are not answered yet, so that a
connection reads no further while too many are. What is queued for the driver outlives the
connection: each request looks first whether anybody is still there.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import trio

from node.config import ConfigError, SnapshotSettings
from node.raft.errors import RemoteProtocolError
from node.raft.messages import Message, sender_of
from node.replica import Ticket
from node.replica.compaction import CompactionPolicy
from node.replica.describing import log_document
from node.server.inbox import Work
from node.server.node import Node
from node.server.permitted import PERMITTED
from node.server.subscriptions import SUBSCRIPTIONS_MAX, Subscriptions
from node.server.watches import Watches
from node.transport.channel import Channel, FrameTooLargeError
from node.wire.batches import (
    BATCH_BYTES_MAX,
    BATCH_MAX,
    AppliedAll,
    ProposeAll,
    ReadAll,
    ReadMode,
)
from node.wire.changes import CHANGES_MAX, change_from_map
from node.wire.codec import TEXT_MAX, WireError, decode
from node.wire.framing import FrameError
from node.wire.messages import (
    Applied,
    Cancel,
    ChangeMembers,
    Disturb,
    Document,
    Failure,
    GetStatus,
    Goodbye,
    Hello,
    Propose,
    Read,
    ReadLog,
    Role,
    SetCompaction,
    SetFaults,
    Subscribe,
    TakeSnapshot,
    TransferLeadership,
    Watch,
    WireMessage,
)
from node.wire.words import node_name

REQUESTS_MAX = 8192
"""Requests of one connection that are not answered yet; beyond it nothing more is read."""
SUBMIT_MAX = 512
"""Requests that are decoded in one go: other tasks have their turn between."""
QUERY_BYTES_MAX = 64 * 1024
LOG_ENTRIES_MAX = 1000
LOG_BYTES_MAX = 256 * 1024
"""Describing a thousand entries takes about 13 ms, in which the node does nothing else."""
TURN_US_MAX = 20_000
"""Requests that come later in a turn of the driver wait for the next one: heartbeats go between."""
HALF_CLOSE_SECONDS_MAX = 10.0
"""How long a connection that will ask nothing more waits for its answers."""


class Refused(Exception):
    """What came in over a connection ends it. `code` is counted."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Session:
    """An open connection and the requests of it that are not answered yet."""

    def __init__(self, node: Node, channel: Channel, hello: Hello, watches: Watches) -> None:
        channel.allow_frames_of(
            node.frame_bytes_max_from(hello.role), node.spec.limits.frame_bytes_max
        )
        self._node = node
        self._channel = channel
        self._role: Role = hello.role
        self._peer_id = hello.node_id
        self._watches = watches
        self._handlers: dict[type[Any], Callable[[Any, int], None]] = {
            Propose: self._propose,
            ProposeAll: self._propose_all,
            Read: self._read,
            ReadAll: self._read_all,
            Watch: self._watch,
            Cancel: self._cancel,
            GetStatus: self._get_status,
            TransferLeadership: self._transfer,
            SetFaults: self._set_faults,
            ReadLog: self._read_log,
            Subscribe: self._subscribe,
            ChangeMembers: self._change_members,
            TakeSnapshot: self._take_snapshot,
            SetCompaction: self._set_compaction,
            Disturb: self._disturb,
        }
        self._misbehaviour: RemoteProtocolError | None = None
        self._reading = trio.CancelScope()
        self._is_refused = False
        self._is_gone = False
        self._open = 0
        self._awaited_open = -1  # `_few_open` is set when `_open` falls to this
        self._few_open = trio.Event()
        self._reads: set[int] = set()
        self._cancelled: set[int] = set()
        self._subscriptions = Subscriptions(node.hub, channel, self.push_nowait)

    # -- the driver's view -------------------------------------------------------------------------
    def answer_nowait(self, replies: Sequence[WireMessage]) -> None:
        if len(replies) == 1:
            self.reply_nowait(replies[0])
            return
        with self._channel.in_one_piece():
            for reply in replies:
                self.reply_nowait(reply)

    def reply_nowait(self, message: WireMessage) -> None:
        """The one answer to a request."""
        self._answered()
        request_id: int = message.id  # type: ignore[union-attr]  # replies have one
        self._reads.discard(request_id)
        if request_id in self._cancelled:
            self._cancelled.remove(request_id)
            return
        self.push_nowait(message)

    def push_nowait(self, message: WireMessage) -> None:
        """A part of a stream, or an answer: whatever the other side gets."""
        if type(message) is Failure and len(message.message) > TEXT_MAX:
            text = message.message[:TEXT_MAX]
            message = Failure(message.id, message.code, text, message.outcome, message.leader)
        try:
            self._channel.send_nowait(message)
        except FrameTooLargeError as error:
            # A command had its effect, whose result does not fit; all else had none.
            outcome = "unknown" if isinstance(message, Applied | AppliedAll) else "none"
            request_id: int = message.id  # type: ignore[union-attr]
            failure = Failure(request_id, "too_large", str(error), outcome, None)  # type: ignore[arg-type]
            self._channel.send_nowait(failure)

    def misbehaved(self, error: RemoteProtocolError) -> None:
        self._misbehaviour = error
        self._reading.cancel()

    def _answered(self) -> None:
        self._open -= 1
        if self._open == self._awaited_open:
            self._few_open.set()

    # -- the connection's life ---------------------------------------------------------------------
    async def run(self) -> None:
        """Serve until the connection ends."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, nursery.cancel_scope)
                with self._reading, self._node.arrivals.watching(self._channel.fileno):
                    await self._receive_all()
                if self._misbehaviour is not None:
                    self._refuse(Refused("protocol_error", str(self._misbehaviour)))
                self._channel.end_nowait()
        finally:
            self._is_gone = True
            self._subscriptions.end_all()
            self._watches.drop(self)
            self._node.driver.replica.forget(self)

    async def _write(self, scope: trio.CancelScope) -> None:
        """The one task that sends; when it is done, so is the connection."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._channel.write()
            if self._channel.is_overrun:
                self._count(Refused("slow_reader", "it does not read what it asked for"))
            elif self._is_refused:
                await self._channel.linger()
        scope.cancel()

    async def _receive_all(self) -> None:
        try:
            while payloads := await self._channel.receive():
                if self._role == "peer":
                    self._take_from_peer(payloads)
                else:
                    await self._take_requests(payloads)
            with trio.move_on_after(HALF_CLOSE_SECONDS_MAX):
                await self._until_open(0)
        except (FrameError, WireError) as error:
            self._refuse(Refused("bad_frame", str(error)))
        except Refused as refused:
            self._refuse(refused)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    async def _until_open(self, count: int) -> None:
        """Wait until no more than `count` requests are open."""
        if self._open > count:
            self._awaited_open = count
            self._few_open = trio.Event()
            await self._few_open.wait()
            self._awaited_open = -1

    def _refuse(self, refused: Refused) -> None:
        self._count(refused)
        self._is_refused = True
        self._channel.end_nowait(Goodbye(refused.code, refused.reason[:TEXT_MAX]))

    def _count(self, refused: Refused) -> None:
        self._node.status.counters[refused.code] += 1
        who = node_name(self._peer_id) if self._role == "peer" else self._channel.peer_name
        why = repr(refused.reason[:TEXT_MAX])
        self._node.door.log(
            time.monotonic(), "warn", "closed", refused.code, who=who, role=self._role, why=why
        )

    # -- peers -------------------------------------------------------------------------------------
    def _take_from_peer(self, payloads: list[bytes]) -> None:
        messages: list[Message] = []
        for payload in payloads:
            message = decode(payload)
            if not isinstance(message, Message):
                raise Refused("not_permitted", f"{type(message).__name__} from a peer")
            if sender_of(message) != self._peer_id:
                raise Refused("not_permitted", "a message in another node's name")
            if self._node.may_receive(self._peer_id, type(message).__name__):
                messages.append(message)
        self._node.driver.deliver(self, messages)

    # -- clients, operators, observers -------------------------------------------------------------
    async def _take_requests(self, payloads: list[bytes]) -> None:
        for start in range(0, len(payloads), SUBMIT_MAX):
            if start:
                await trio.lowlevel.checkpoint()
            if self._open > REQUESTS_MAX - SUBMIT_MAX:
                await self._until_open(REQUESTS_MAX // 2)
            self._submit(payloads[start : start + SUBMIT_MAX])

    def _submit(self, payloads: list[bytes]) -> None:
        permitted = PERMITTED[self._role]
        work: list[Work] = []
        for payload in payloads:
            message = decode(payload)
            kind = type(message)
            if kind not in permitted:
                raise Refused("not_permitted", f"{kind.__name__} from a {self._role}")
            work.append(partial(self._carry_out, self._handlers[kind], message))
        self._open += len(work)
        self._node.driver.submit(work)

    def _carry_out(self, handler: Callable[[Any, int], None], message: Any, now: int) -> None:  # noqa: ANN401 - one of `_handlers`
        """Answer a request, unless nobody waits for it or this turn took long already."""
        if self._is_gone or not self._channel.is_open:
            return
        if self._node.driver.clock.elapsed_us(now) > TURN_US_MAX:
            self._node.driver.submit([partial(self._carry_out, handler, message)])
            return
        handler(message, now)

    def _propose(self, message: Propose, now: int) -> None:
        if self._fits(message.id, "command", (message.command,)):
            ticket = Ticket(self, message.id)
            self._node.driver.replica.submit(ticket, message.command, now, message.here)

    def _propose_all(self, message: ProposeAll, now: int) -> None:
        if self._fits(message.id, "command", message.commands):
            self._node.driver.replica.submit_all(Ticket(self, message.id), message.commands)

    def _fits(self, request_id: int, what: str, bodies: Sequence[bytes]) -> bool:
        """Whether there are neither none nor too many, and none of them is too long, nor are all
        together. Else that is told.
        """
        limit = self._node.command_bytes_max if what == "command" else QUERY_BYTES_MAX
        longest = max(map(len, bodies), default=0)
        if not 0 < len(bodies) <= BATCH_MAX:
            self._fail(request_id, "bad_request", f"{len(bodies)} in one, not 1 to {BATCH_MAX}")
        elif longest > limit:
            text = f"a {what} of {longest} bytes; the limit is {limit}"
            self._fail(request_id, "too_large", text)
        elif sum(map(len, bodies)) > BATCH_BYTES_MAX + limit:
            text = f"more than {BATCH_BYTES_MAX} bytes in one, and one {what} more"
            self._fail(request_id, "too_large", text)
        else:
            return True
        return False

    def _read(self, message: Read, now: int) -> None:
        if self._fits(message.id, "query", (message.query,)):
            self._reads.add(message.id)
            ticket = Ticket(self, message.id)
            self._node.driver.replica.read(ticket, message.query, message.mode, message.here, now)
            self._let_out(message.mode)

    def _read_all(self, message: ReadAll, now: int) -> None:
        if self._fits(message.id, "query", message.queries):
            self._reads.add(message.id)
            ticket = Ticket(self, message.id)
            self._node.driver.replica.read_all(ticket, message.queries, message.mode, now)
            self._let_out(message.mode)

    def _let_out(self, mode: ReadMode) -> None:
        """A stale answer may be large: into the bounded buffer with it, before the next is made."""
        if mode == "stale":
            self._node.driver.send_replies()

    def _watch(self, message: Watch, now: int) -> None:
        if self._fits(message.id, "query", (message.query,)):
            self._watches.add(self, message)
            self._answered()

    def _cancel(self, message: Cancel, now: int) -> None:
        self._watches.remove(self, message.id)
        self._subscriptions.end(message.id)
        if message.id in self._reads:
            self._cancelled.add(message.id)
        self._answered()  # with nothing

    def _get_status(self, message: GetStatus, now: int) -> None:
        self.reply_nowait(Document(message.id, self._node.status.document()))

    def _transfer(self, message: TransferLeadership, now: int) -> None:
        self._node.driver.replica.transfer(Ticket(self, message.id), message.target, now)

    def _change_members(self, message: ChangeMembers, now: int) -> None:
        if len(message.changes) > CHANGES_MAX:
            self._fail(message.id, "bad_request", f"more than {CHANGES_MAX} changes")
            return
        try:
            changes = [change_from_map(document) for document in message.changes]
        except ValueError as error:
            self._fail(message.id, "bad_request", str(error)[:TEXT_MAX])
            return
        self._node.driver.replica.change_membership(Ticket(self, message.id), changes, now)

    def _take_snapshot(self, message: TakeSnapshot, now: int) -> None:
        self._node.driver.replica.take_snapshot(Ticket(self, message.id))

    def _set_compaction(self, message: SetCompaction, now: int) -> None:
        settings = SnapshotSettings(message.every, message.bytes_max, message.tail)
        try:
            settings.check()
        except ConfigError as error:
            self._fail(message.id, "bad_request", f"{error}; {error.hint}")
            return
        snapshots = self._node.driver.replica.snapshots
        snapshots.policy = CompactionPolicy(*settings)
        self.reply_nowait(Document(message.id, snapshots.policy._asdict()))

    def _set_faults(self, message: SetFaults, now: int) -> None:
        change = partial(self._node.set_faults, message.rules, message.node_rules)
        self._try(message.id, change, {"rules": len(message.rules) + len(message.node_rules)})

    def _disturb(self, message: Disturb, now: int) -> None:
        self._try(message.id, partial(self._node.disturb, message.kind, message.delay_us), {})

    def _try(self, request_id: int, change: Callable[[], None], done: dict[str, Any]) -> None:
        try:
            change()
        except ValueError as error:
            self._fail(request_id, "bad_request", str(error))
        else:
            self.reply_nowait(Document(request_id, done))

    def _read_log(self, message: ReadLog, now: int) -> None:
        limit = min(message.limit, LOG_ENTRIES_MAX)
        first = max(message.first, 1)
        bytes_max = min(LOG_BYTES_MAX, self._node.spec.limits.frame_bytes_max // 2)
        replica = self._node.driver.replica
        document = log_document(replica, first, message.last, limit, bytes_max)
        self.reply_nowait(Document(message.id, document))

    def _subscribe(self, message: Subscribe, now: int) -> None:
        if self._subscriptions.is_full_for(message.id):
            self._fail(message.id, "busy", f"there are {SUBSCRIPTIONS_MAX} subscriptions already")
        else:
            self._answered()  # by a stream
            self._subscriptions.begin(message)

    def _fail(self, request_id: int, code: str, text: str) -> None:
        self.reply_nowait(Failure(request_id, code, text, "none", None))
