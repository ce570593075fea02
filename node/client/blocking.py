"""A blocking client, for commands that ask once and go: no threads, no event loop."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any

from node.client.address import ClusterAddress
from node.client.errors import (
    CommandError,
    OutcomeUnknownError,
    RejectedError,
    UnreachableError,
)
from node.client.leader import link_to_leader
from node.client.link import Link, seconds_left
from node.client.lookout import Lookout
from node.client.session import Call, Pause, Sequences, Try
from node.wire.envelope import ApplyError, SessionExpiredError, read_result, seal
from node.wire.messages import Answer, Applied, Changes, Failure, Propose, Read, ReadMode, Watch

FRUITLESS_MAX = 3  # connections of a watch that end without an answer, one after the other


class Client:
    """Commands and queries, with retries that apply at most once.

    It keeps one connection, to the node that answered last, and opens it with the first call. Use
    it in a `with` block, or close it. Not thread-safe: one for each thread.
    """

    def __init__(self, address: ClusterAddress, *, timeout: float = 5.0) -> None:
        """`timeout` in seconds, above 0, for each call that names none."""
        self._address = address
        self._timeout = timeout
        self._link: Link | None = None
        self._answered_by: int | None = None
        self._sequences = _new_session()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def answered_by(self) -> int | None:
        """The node that answered last; None before the first answer."""
        return self._answered_by

    def close(self) -> None:
        """Close the connection. The next call opens one again."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def propose(
        self, payload: bytes, timeout: float | None = None, at: int | None = None
    ) -> Applied:
        """Have the machine apply `payload`, once. `result` is the machine's own answer.

        Returns once a majority has it on disk and the leader applied it; within `timeout` seconds
        it is sent again to whichever node leads, and still applied once (thesis 6.3). `at`: the id
        of the one node to ask, which hands it to the leader, for who reaches no other node.

        Raises NoLeaderError, DeadlineError and UnreachableError, which had no effect;
        OutcomeUnknownError, after which it may be applied later; RejectedError, for what is too
        long among others; CommandError when the machine raised.
        """
        call = self._call(timeout, at)
        sequences = self._sequences
        number = sequences.take()
        try:
            while True:
                applied: Applied = self._run(call, number, payload)
                try:
                    result = read_result(applied.result)
                except ApplyError as error:
                    raise CommandError("apply_failed", str(error)) from error
                except SessionExpiredError as error:
                    # Born where the old one was refused: a node that is behind shows too little.
                    self._sequences = _new_session(applied.index)
                    if call.is_in_doubt:
                        raise OutcomeUnknownError(
                            "session_expired", "outcome unknown: the session expired", "unknown"
                        ) from error
                    sequences = self._sequences
                    number = sequences.take()
                    assert self._answered_by is not None, "a node refused it"
                    call.again(self._answered_by)
                else:
                    return Applied(applied.id, applied.index, applied.term, result)
        except OutcomeUnknownError as error:
            error.command = sequences.name_of(number)
            raise
        finally:
            sequences.done(number)

    def read(
        self,
        query: bytes,
        mode: ReadMode = "linearizable",
        at: int | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Ask the machine; `result` is its answer, `index` the entry up to which it knows.

        A linearizable answer holds every write that was acknowledged before the call (thesis 6.4);
        a stale one may lack the newest, and needs no leader. `at`: the id of the one node to ask,
        which is never redirected and answers itself. `timeout` in seconds.

        Raises NoLeaderError, DeadlineError, UnreachableError, RejectedError.
        """
        call = self._call(timeout, at)
        here = at is not None or mode == "stale"
        while True:
            link, until = self._next_link(call)
            if link is None:
                continue
            request_id = link.new_id()
            reply = self._exchange(call, link, Read(request_id, query, mode, here), until, False)
            if isinstance(reply, Answer):
                return reply

    def watch(
        self,
        query: bytes,
        since: int = 0,
        on_move: Callable[[UnreachableError, int, int], None] | None = None,
    ) -> Iterator[Changes]:
        """Changes as they are applied, for ever; the first item says from which index on.

        `since` is the index of an entry: changes in later ones come; 0: from now on. The `changes`
        of an item are the machine's own, in order; there may be none.

        It starts at the leader. When the connection ends it goes on at the node that leads then,
        after the last index that it saw, and calls `on_move` with what ended it, the new node and
        that index.

        Raises NoLeaderError, DeadlineError and UnreachableError when no leader is found within the
        client's timeout; RejectedError when changes after `since` are no longer kept
        (`history_lost`), or the machine cannot be watched.
        """
        seen = since
        first: int | None = self._answered_by
        broken: UnreachableError | None = None
        fruitless = 0
        while True:
            with closing(link_to_leader(self._address, first, self._timeout)) as link:
                first = self._answered_by = link.node_id
                if broken is not None and on_move is not None:
                    on_move(broken, link.node_id, seen)
                try:
                    for changes in _changes(link, query, seen):
                        fruitless = 0
                        seen = max(seen, changes.index)
                        yield changes
                except UnreachableError as error:
                    # A node that breaks off before its first answer may do so each time.
                    fruitless += 1
                    if fruitless == FRUITLESS_MAX:
                        raise
                    broken = error

    def _call(self, timeout: float | None, only: int | None) -> Call:
        seconds = self._timeout if timeout is None else timeout
        return Call(self._address.nodes, self._answered_by, time.monotonic(), seconds, only)

    def _run(self, call: Call, number: int, payload: bytes) -> Applied:
        while True:
            link, until = self._next_link(call)
            if link is None:
                continue
            self._sequences.begin(link.last_applied)
            command = seal(self._sequences.header(number), payload)
            request = Propose(link.new_id(), command, call.is_for_one)
            reply = self._exchange(call, link, request, until, True)
            if isinstance(reply, Applied):
                return reply

    def _next_link(self, call: Call) -> tuple[Link | None, float]:
        """A link to the node whose turn it is; None after a pause or when there is no way to it."""
        step = call.next(time.monotonic())
        if isinstance(step, Pause):
            time.sleep(seconds_left(step.until))
            return None, 0
        try:
            return self._link_to(step), step.until
        except UnreachableError as error:
            call.unreachable(error)
            return None, 0

    def _link_to(self, step: Try) -> Link:
        if self._link is not None and self._link.node_id == step.node_id:
            return self._link
        self.close()
        self._link = Link(self._address, step.node_id, "client", step.opens_until)
        return self._link

    def _exchange(
        self, call: Call, link: Link, request: Propose | Read, until: float, has_effect: bool
    ) -> Applied | Answer | None:
        """One attempt; None when it failed and the call goes on."""
        try:
            if has_effect:
                call.sent()
            link.send(request)
            reply = self._reply_to(call, link, request.id, until)
        except UnreachableError as error:
            self.close()
            call.unreachable(error)
            return None
        if isinstance(reply, Failure):
            call.refused(link.node_id, reply)
            return None
        self._answered_by = link.node_id
        answer: Applied | Answer = reply
        return answer

    def _reply_to(self, call: Call, link: Link, request_id: int, until: float) -> Any:  # noqa: ANN401 - as in Link
        """Raises UnreachableError, also when another node leads by now, which is asked next."""
        if call.is_for_one:
            return link.reply_to(request_id, until)
        lookout = Lookout(self._address, link.node_id)
        try:
            return lookout.wait(partial(link.reply_to, request_id), until)
        finally:
            if lookout.successor is not None:
                call.again(lookout.successor)


def _changes(link: Link, query: bytes, since: int) -> Iterator[Changes]:
    request_id = link.new_id()
    link.send(Watch(request_id, query, since))
    while True:
        message = link.next_message(None)
        if isinstance(message, Changes) and message.id == request_id:
            yield message
        elif isinstance(message, Failure) and message.id == request_id:
            raise RejectedError(message.code, message.message)


def _new_session(born_at: int | None = None) -> Sequences:
    return Sequences(random.SystemRandom().getrandbits(64), born_at)
