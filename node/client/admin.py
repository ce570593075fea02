"""An operator's connection to one node."""

import time
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from node.client.address import ClusterAddress
from node.client.errors import ClientError
from node.client.link import Link
from node.raft.configuration import Change
from node.wire.changes import change_to_map
from node.wire.messages import (
    ChangeMembers,
    Disturb,
    Document,
    Failure,
    Frame,
    GetStatus,
    ReadLog,
    Role,
    SetCompaction,
    SetFaults,
    Subscribe,
    TakeSnapshot,
    TransferLeadership,
    WireMessage,
)


class Admin:
    """An operator's connection to one node. Use it in a `with` block. Not thread-safe.

    docs/protocol.md, under Operators, has the fields of what it gives.
    """

    def __init__(
        self, address: ClusterAddress, node_id: int, timeout: float = 5.0, role: Role = "admin"
    ) -> None:
        """Connect. `timeout` in seconds, for this and for each call. Raises UnreachableError."""
        self._timeout = timeout
        self._link = Link(address, node_id, role, time.monotonic() + timeout)

    def __enter__(self) -> "Admin":
        return self

    def __exit__(self, *exc: object) -> None:
        self._link.close()

    def _ask(self, request: WireMessage, request_id: int) -> dict[str, Any]:
        self._link.send(request)
        reply = self._link.reply_to(request_id, time.monotonic() + self._timeout)
        if isinstance(reply, Failure):
            raise ClientError(reply.code, reply.message, reply.outcome, reply.leader)
        assert isinstance(reply, Document), "requests of operators are answered by documents"
        return reply.value

    def status(self) -> dict[str, Any]:
        """The node's own view. Raises UnreachableError."""
        request_id = self._link.new_id()
        return self._ask(GetStatus(request_id), request_id)

    def transfer(self, target: int) -> dict[str, Any]:
        """Hand leadership to the node `target`, 0: to the follower that holds most of the log.

        Returns once it leads, with `from`, `target` and `term`. Raises ClientError (`timeout`: it
        may still take over), UnreachableError.
        """
        request_id = self._link.new_id()
        return self._ask(TransferLeadership(request_id, target), request_id)

    def change_members(self, changes: Sequence[Change]) -> dict[str, Any]:
        """Change who belongs to the cluster, on its leader; returns when that is done.

        Raises ClientError, with the code bad_change, change_pending, not_caught_up, not_leader;
        UnreachableError.
        """
        request_id = self._link.new_id()
        maps = [change_to_map(change) for change in changes]
        return self._ask(ChangeMembers(request_id, maps), request_id)

    def take_snapshot(self) -> dict[str, Any]:
        """Have the node keep its present state, and shorten its log.

        Raises ClientError, UnreachableError.
        """
        request_id = self._link.new_id()
        return self._ask(TakeSnapshot(request_id), request_id)

    def set_compaction(self, entries: int, bytes_max: int, tail: int) -> dict[str, Any]:
        """When the node takes snapshots, until it is started anew (`SnapshotSettings`).

        Raises ClientError, UnreachableError.
        """
        request_id = self._link.new_id()
        return self._ask(SetCompaction(request_id, entries, bytes_max, tail), request_id)

    def set_faults(
        self, rules: list[dict[str, Any]], node_rules: Sequence[dict[str, Any]] = ()
    ) -> None:
        """Replace the node's rules by these: for links as `LinkRule.to_map` gives them, for nodes
        as `NodeRule.to_map` does. It keeps its own of the latter.

        Raises ClientError (`bad_request`: a rule makes no sense), UnreachableError.
        """
        request_id = self._link.new_id()
        self._ask(SetFaults(request_id, rules, list(node_rules)), request_id)

    def disturb(self, kind: Literal["stall", "jump"], delay_us: int) -> None:
        """Once: let the next flush take that much longer, or the clock jump ahead (microseconds).

        Raises ClientError, UnreachableError.
        """
        request_id = self._link.new_id()
        self._ask(Disturb(request_id, kind, delay_us), request_id)

    def read_log(self, first: int, last: int, limit: int) -> dict[str, Any]:
        """Entries `first` to `last` of the node's own log, committed or not; `last` 0: to its end.

        At most `limit`, and never more than 1,000 or 256 KiB: ask again after the last one. Raises
        ClientError, UnreachableError.
        """
        request_id = self._link.new_id()
        return self._ask(ReadLog(request_id, first, last, limit), request_id)

    def subscribe(self, history: bool) -> Iterator[Frame]:
        """The node's stream, for ever: its status, and then what happens, from frame to frame; with
        `history` the last 4,096 events first (`node.wire.messages`).

        Raises UnreachableError when the connection ends, ClientError when the node refuses.
        """
        request_id = self._link.new_id()
        self._link.send(Subscribe(request_id, history))
        while True:
            message = self._link.next_message(None)
            if isinstance(message, Failure):
                raise ClientError(message.code, message.message, message.outcome, message.leader)
            if isinstance(message, Frame):
                yield message
