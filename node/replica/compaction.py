"""When to take a snapshot, and how much of the log to keep behind it.

All nodes take theirs at the same entries, the multiples of `entries`, as far as they can: then
their snapshots are the same, and a transfer that one leader began another one can go on with.
"""

from typing import NamedTuple

INDEX_MAX = 2**63
HOLD_BACK = 4
"""The log may grow to so many times its usual length for a follower that is sent a snapshot."""


class CompactionPolicy(NamedTuple):
    """A snapshot every `entries` entries or `bytes_max` bytes of commands, whichever comes first.
    Of what it stands for, the last `tail` entries stay, up to half of `bytes_max`, for followers
    that are not far behind. `entries` 0: only on demand.
    """

    entries: int = 25_000
    bytes_max: int = 64 * 1024 * 1024
    tail: int = 10_000

    @property
    def bounds(self) -> tuple[int, int]:
        """None is due but after an entry whose index is a multiple of the first, or when commands
        of so many bytes as the second were applied since the last one.
        """
        return (self.entries, self.bytes_max) if self.entries else (INDEX_MAX, INDEX_MAX)

    def is_due(self, index: int, since: int, bytes_since: int) -> bool:
        """Whether to take one after entry `index`; the last is of entry `since`, and commands of
        `bytes_since` bytes were applied after it.
        """
        if self.entries == 0 or index <= since:
            return False
        return index % self.entries == 0 or bytes_since >= self.bytes_max

    def holds_back(self, log_entries: int, log_bytes: int) -> bool:
        """Whether a log that long is kept for a follower that will need its beginning."""
        entries_max = HOLD_BACK * max(self.entries, self.tail)
        return log_entries <= entries_max and log_bytes <= HOLD_BACK * self.bytes_max
