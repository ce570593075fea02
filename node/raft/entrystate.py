"""What can become of an entry that was appended."""

from enum import Enum


class EntryState(Enum):
    """What became of an appended entry."""

    PENDING = "pending"
    """It may be committed yet, or replaced."""
    APPLIED = "applied"
    """It was committed, and the state machine has its effect."""
    SUPERSEDED = "superseded"
    """Another leader's entry was committed in its place: it will never be applied."""
    FORGOTTEN = "forgotten"
    """One of the two, but a snapshot stands for that part of the log by now."""
