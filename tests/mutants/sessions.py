"""Bugs of exactly-once commands."""

from node.replica.sessions import Sessions
from tests.mutants.planting import mutant, rewrite


@mutant("atomix #341, ra #145", "at_most_once", "client_oracle")
def no_dedupe_of_retries() -> None:
    """A command that comes again is run again."""
    rewrite(Sessions.apply, "session.results.get(header.sequence)", "None")


@mutant("atomix #341", "same_state_everywhere", "at_most_once", "client_oracle")
def results_lost_in_a_restore() -> None:
    """A restored session knows its client, and none of its results."""
    rewrite(
        Sessions.restore,
        "session.results.update((sequence, result) for sequence, result in results)",
        "results = []",
    )


@mutant("atomix #1101", "at_most_once", "client_oracle")
def late_copy_applied_again() -> None:
    """A command that comes again after its client has the result is run again: nobody knows it."""
    rewrite(Sessions.apply, "header.sequence < session.acked_below", "False")
