"""Committed entries take effect, in their order, and whoever proposed them hears of it."""

from collections.abc import Callable, Sequence

from node.machines.base import Snapshotable
from node.raft.messages import LogEntry, value_of
from node.replica.forwarding import Forwarded
from node.replica.outbox import Outbox
from node.replica.pending import Proposal, Proposals
from node.replica.snapshotting import Snapshotting
from node.replica.state import State
from node.wire.batches import AppliedAll
from node.wire.envelope import HEADER_BYTES, OK, error_result, unseal
from node.wire.messages import Applied, Outcome


class Applying:
    """What changes the state of one replica, entry by entry."""

    def __init__(
        self,
        state: State,
        snapshots: Snapshotting,
        proposals: Proposals,
        forwarded: Forwarded,
        outbox: Outbox,
        capture: Callable[[Snapshotable], None],
    ) -> None:
        """`capture` is called with the machine after an entry at which a snapshot is due."""
        self._state = state
        self._snapshots = snapshots
        self._proposals = proposals
        self._forwarded = forwarded
        self._outbox = outbox
        self._capture = capture
        self._may_capture = isinstance(state.machine, Snapshotable)

    def apply(self, first: int, entries: Sequence[LogEntry]) -> None:
        """Apply `entries`, of which there are some, from index `first` on."""
        state, snapshots = self._state, self._snapshots
        values = list(map(value_of, entries))
        results: list[bytes] = []
        stretches = snapshots.stretches(first, values) if self._may_capture else (len(values),)
        for end in stretches:
            begin = len(results)
            results += state.sessions.apply(values[begin:end], first + begin, self._run)
            state.index = first + end - 1
            if snapshots.is_due(state.index) and isinstance(state.machine, Snapshotable):
                self._capture(state.machine)
        if self._forwarded.waiting:
            self._tell_forwarded(first, entries, results)
        for proposal in self._proposals.reached(state.index):
            begin = proposal.first + len(proposal.results)
            proposal.results += results[begin - first : proposal.last + 1 - first]
            if proposal.last <= state.index:
                self._answer(proposal, entries[proposal.last - first].term)

    def _answer(self, proposal: Proposal, term: int) -> None:
        """Its last index holds an entry of `term`. If that is its own, so are those in front."""
        ticket, first, results = proposal.ticket, proposal.first, proposal.results
        if term != proposal.term:
            text = f"another leader's entry took index {proposal.last}"
            # Of several the first ones may be in their places.
            outcome: Outcome = "unknown" if proposal.is_batch else "none"
            self._outbox.fail(ticket, "superseded", text, outcome)
        elif proposal.is_batch:
            self._outbox.reply(ticket, AppliedAll(ticket.id, first, term, results))
        else:
            self._outbox.reply(ticket, Applied(ticket.id, first, term, results[0]))

    def _tell_forwarded(
        self, first: int, entries: Sequence[LogEntry], results: Sequence[bytes]
    ) -> None:
        """Of the commands that other nodes' clients brought here there may be some among these."""
        for index, ((term, entry), result) in enumerate(zip(entries, results, strict=True), first):
            if type(entry) is bytes and len(entry) >= HEADER_BYTES:
                self._forwarded.applied(unseal(entry)[0], index, term, result)

    def _run(self, payload: bytes, index: int) -> bytes:
        try:
            return OK + self._state.machine.apply(payload, index)
        except (MemoryError, RecursionError):
            # What this process had to spare, not the command, decided that: another node may
            # have applied it. Going on would make the two differ.
            raise
        except Exception as error:
            # The machine is the user's: whatever it raises is the command's result, and by
            # its type alone the same on every node.
            return error_result(type(error).__name__)
