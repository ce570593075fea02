"""What operators ask of a replica: that another node leads, and that the members change.

Each is answered when it has happened, or when it is known that it has not. Both outlive what they
were asked under: a new leader takes the asked one's place, and goes on with a change that it finds.
"""

from collections.abc import Collection, Hashable
from typing import NamedTuple

from node.raft.configuration import Change
from node.raft.core import RaftCore
from node.raft.errors import (
    ChangePendingError,
    ConfigurationError,
    NotCaughtUpError,
    NotLeaderError,
    ProposalDroppedError,
)
from node.replica.outbox import Outbox
from node.replica.pending import Ticket
from node.wire.messages import Document

TRANSFER_PATIENCE = 4
"""After this many election timeouts the one who asked for a transfer hears that nobody took over:
the leader tries for one of them, and the election of whoever leads next may take two more.
"""
CHANGE_PATIENCE = 20
"""A change of the members takes a majority of the old ones and of the new; after this many election
timeouts whoever asked hears that it is not done. It may be done yet.
"""


class _Transfer(NamedTuple):
    ticket: Ticket
    target: int
    term: int
    deadline: int


class _Change(NamedTuple):
    ticket: Ticket
    at: int
    term: int
    deadline: int


class Operations:
    """At most one transfer and one change that somebody waits for. Deadlines in microseconds."""

    def __init__(self, core: RaftCore, outbox: Outbox) -> None:
        self._core = core
        self._outbox = outbox
        self._transfer: _Transfer | None = None
        self._change: _Change | None = None

    @property
    def next_deadline(self) -> int | None:
        transfer, change = self._transfer, self._change
        if transfer is None:
            return None if change is None else change.deadline
        return transfer.deadline if change is None else min(transfer.deadline, change.deadline)

    # -- asked for ---------------------------------------------------------------------------------
    def transfer(self, ticket: Ticket, target: int, now: int) -> None:
        """Hand leadership over; `target` 0 takes whoever fits best."""
        core = self._core
        if self._transfer is not None:
            self._outbox.fail(ticket, "transferring", "another transfer is under way")
            return
        target = target or core.best_successor or 0
        try:
            core.transfer_leadership(target, now)
        except NotLeaderError as error:
            self._outbox.fail_not_leader(ticket, error.leader)
        except ValueError as error:
            self._outbox.fail(ticket, "bad_request", str(error))
        else:
            patience = TRANSFER_PATIENCE * core.config.election_timeout_us
            self._transfer = _Transfer(ticket, target, core.term, now + patience)

    def change(self, ticket: Ticket, changes: Collection[Change], now: int) -> None:
        """Change the members. The reply is a Document once the change is committed and left."""
        core = self._core
        if self._change is not None:
            self._look_at_change(self._change)  # it may have been done in this very turn
        try:
            index = core.change_membership(changes, now)
        except NotLeaderError as error:
            self._outbox.fail_not_leader(ticket, error.leader)
        except ConfigurationError as error:
            self._outbox.fail(ticket, "bad_change", str(error))
        except ChangePendingError as error:
            self._outbox.fail(ticket, "change_pending", str(error))
        except NotCaughtUpError as error:
            self._outbox.fail(ticket, "not_caught_up", str(error))
        except ProposalDroppedError as error:
            self._outbox.fail(ticket, "transferring", str(error))
        else:
            assert self._change is None, "the core takes one change at a time"
            patience = CHANGE_PATIENCE * core.config.election_timeout_us
            self._change = _Change(ticket, index, core.term, now + patience)

    # -- looked at ---------------------------------------------------------------------------------
    def look(self) -> None:
        """Answer whoever waits for what has happened."""
        if self._transfer is not None:
            self._look_at_transfer(self._transfer)
        if self._change is not None:
            self._look_at_change(self._change)

    def _look_at_transfer(self, transfer: _Transfer) -> None:
        """That this node gave way says little: another node may have taken the next term. And who
        was told to campaign may do so yet, as long as that term lasts.
        """
        core = self._core
        if core.term == transfer.term:
            if core.is_leader and core.transferring_to != transfer.target:
                self._fail_transfer(transfer, f"n{transfer.target} did not take over in time")
        elif core.leader_id == transfer.target:
            document = {"from": core.id, "target": transfer.target, "term": core.term}
            self._outbox.reply(transfer.ticket, Document(transfer.ticket.id, document))
            self._transfer = None
        elif core.leader_id is not None:
            self._fail_transfer(transfer, f"n{core.leader_id} leads, not n{transfer.target}")

    def _look_at_change(self, change: _Change) -> None:
        """Whether another leader kept the entry is not asked: the one who asked looks again."""
        core = self._core
        index, configuration = core.configuration_index, core.configuration
        is_settled = index <= core.commit_index and not configuration.is_joint
        if is_settled and index >= change.at and core.term == change.term:
            document = {"index": index, "term": core.term, "configuration": configuration.to_map()}
            self._outbox.reply(change.ticket, Document(change.ticket.id, document))
            self._change = None
        elif core.term != change.term:
            text = "this node leads no longer; who leads now may go on with the change"
            self._outbox.fail(change.ticket, "leadership_lost", text, "unknown", core.leader_id)
            self._change = None

    def expire(self, now: int) -> None:
        if self._transfer is not None and now >= self._transfer.deadline:
            self._fail_transfer(self._transfer, "nobody is known to have taken over")
        if self._change is not None and now >= self._change.deadline:
            text = f"the change at entry {self._change.at} is not committed yet"
            self._outbox.fail(self._change.ticket, "timeout", text, "unknown")
            self._change = None

    def _fail_transfer(self, transfer: _Transfer, message: str) -> None:
        self._outbox.fail(transfer.ticket, "timeout", message, "unknown")
        self._transfer = None

    # -- ended -------------------------------------------------------------------------------------
    def forget(self, source: Hashable) -> None:
        """Nobody waits for the replies to `source` any more."""
        if self._transfer is not None and self._transfer.ticket.source == source:
            self._transfer = None
        if self._change is not None and self._change.ticket.source == source:
            self._change = None

    def stop(self, message: str) -> None:
        for each in (self._transfer, self._change):
            if each is not None:
                self._outbox.fail(each.ticket, "stopping", message, "unknown")
        self._transfer = self._change = None
