"""Bugs of exactly-once commands."""

from node.replica import sessions
from node.replica.applying import Applying
from node.replica.sessions import Sessions
from tests.mutants import needs
from tests.mutants.planting import mutant, rewrite

RESTORED = ("snapshots_restore_what_they_hold", "same_state_everywhere")


@mutant("atomix #341, ra #145", "at_most_once", "client_oracle")
def no_dedupe_of_retries() -> None:
    """A command that comes again is run again."""
    rewrite(Sessions.apply, "results.get(sequence)", "None")


@mutant("atomix #341", *RESTORED, "at_most_once", "client_oracle")
def results_lost_in_a_restore() -> None:
    """A restored session knows its client, and none of its results."""
    rewrite(
        Sessions.restore,
        "session.results.update((sequence, result) for sequence, result in results)",
        "results = []",
    )


@mutant("dragonboat's SessionSaveOrderWithEviction", *RESTORED, shows_in=needs.snapshots)
def sessions_restored_in_reverse() -> None:
    """A node that starts from a snapshot takes the session that was used last for the oldest one,
    which is the next to go.
    """
    rewrite(
        Sessions.snapshot, "list(reversed(self._sessions.items()))", "list(self._sessions.items())"
    )


@mutant("copycat", *RESTORED, shows_in=needs.snapshots)
def acknowledgements_lost_in_a_snapshot() -> None:
    """A snapshot does not tell which results a client has, so who starts from it takes a late copy
    of an old command for a new one.
    """
    rewrite(
        sessions._parts,
        "part.append((client_id, session.last_index, session.acked_below, some))",
        "part.append((client_id, session.last_index, 0, some))",
    )


@mutant("copycat", *RESTORED, shows_in=needs.snapshots)
def last_use_lost_in_a_restore() -> None:
    """A restored session does not know when it was used, so its eviction is of no consequence."""
    rewrite(Sessions.restore, "Session(last_index, acked_below)", "Session(0, acked_below)")


@mutant("ra #145", *RESTORED, shows_in=needs.evictions)
def evictions_forgotten_in_a_restore() -> None:
    """A node that starts from a snapshot does not know that sessions went before it."""
    rewrite(Sessions.restore, "self.evicted_through = evicted_through", "pass")


@mutant("atomix #1101", "at_most_once", "client_oracle", shows_in=needs.evictions)
def evicted_session_opened_again() -> None:
    """A retry whose session went opens another one, and takes effect a second time."""
    rewrite(Sessions._use, "born_at < self.evicted_through", "False")


@mutant("atomix #1101, copycat", "at_most_once", "client_oracle")
def late_copy_applied_again() -> None:
    """A command that comes again after its client has the result is run again: nobody knows it."""
    rewrite(Sessions.apply, "sequence < session.acked_below", "False")


@mutant("a classic of at-most-once RPC", "at_most_once", "client_oracle")
def only_newest_result_kept() -> None:
    """Of the results that a client may still ask for again only the newest one is kept."""
    rewrite(
        Sessions.apply,
        "size = len(result)",
        "size = len(result)\n"
        "            self._bytes -= session.results_bytes\n"
        "            session.results_bytes, session.results = 0, {sequence: result}",
    )


@mutant("copycat", "sessions_last")
def lower_sequences_refused() -> None:
    """Commands of one client that overtake each other are taken for old ones."""
    rewrite(
        Sessions.apply,
        "sequence < session.acked_below",
        "sequence < max(session.results, default=session.acked_below)",
    )


@mutant("a review of the simulator", "at_most_once", "client_oracle", shows_in=needs.batches)
def retried_batch_applied_again() -> None:
    """Of a batch that comes again only the first command is looked up; what follows it is run."""
    rewrite(
        Sessions.apply,
        "session.last_index = index",
        "session.last_index, follows = index, session.last_index == index - 1",
    )
    rewrite(Sessions.apply, "result is None", "result is None or follows")


@mutant("a review of the simulator", "client_oracle", shows_in=needs.batches)
def batch_answered_out_of_order() -> None:
    """Each command of a batch gets the result of the next one, the last one that of the first."""
    rewrite(
        Applying._answer,
        "AppliedAll(ticket.id, first, term, results)",
        "AppliedAll(ticket.id, first, term, results[1:] + results[:1])",
    )
