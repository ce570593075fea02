"""Bugs of exactly-once commands."""

from node.replica.sessions import Sessions
from tests.mutants import needs
from tests.mutants.planting import mutant, rewrite

RESTORED = ("snapshots_restore_what_they_hold", "same_state_everywhere")


@mutant("atomix #341, ra #145", "at_most_once", "client_oracle")
def no_dedupe_of_retries() -> None:
    """A command that comes again is run again."""
    rewrite(Sessions.apply, "session.results.get(header.sequence)", "None")


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
    rewrite(Sessions.apply, "header.born_at < self.evicted_through", "False")


@mutant("atomix #1101, copycat", "at_most_once", "client_oracle")
def late_copy_applied_again() -> None:
    """A command that comes again after its client has the result is run again: nobody knows it."""
    rewrite(Sessions.apply, "header.sequence < session.acked_below", "False")
