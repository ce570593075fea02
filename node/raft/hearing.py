"""Whether a leader is there, as far as one node can know, and what that node promised to leaders.

Who heard a leader waits an election timeout for it, and helps nobody to take its place meanwhile
(thesis 4.2.3). The end of the connections with it shows sooner that it is gone, and ends the wait.
It does not end a promise that the leader may rest a lease on (see `leases`): connections also end
while both sides live, and then the leader goes on answering reads.
"""


class Hearing:
    """Of one node, in one life. Times in microseconds."""

    def __init__(self, timeout_us: int, promised_until: int) -> None:
        self._timeout_us = timeout_us
        self.is_gone = False
        """Whether the connections with the leader that was heard have ended since."""
        self.heard_at: int | None = None
        """When a leader was heard last; None: never, or since this node led."""
        self.promised_until = promised_until
        """Until then this node helps to elect nobody, whatever becomes of the leader it heard."""

    def heard(self, now: int, claims_lease: bool) -> None:
        """A leader was heard, which claims a lease from this node or does not."""
        self.heard_at = now
        self.is_gone = False
        if claims_lease:
            self.promised_until = now + self._timeout_us

    def led(self) -> None:
        """This node led until now, so it heard nobody."""
        self.heard_at = None
        self.is_gone = False

    def lost(self) -> None:
        """The connections with the leader that was heard have ended."""
        self.is_gone = True

    def lasts(self, now: int) -> bool:
        """Whether to wait for a leader still, of this life or, as far as can be known, an earlier
        one.
        """
        if now < self.promised_until:
            return True
        heard_at = None if self.is_gone else self.heard_at
        return heard_at is not None and now < heard_at + self._timeout_us
