"""Which peers are connected, one way or the other: when the last connection ends, one is lost.

A process that dies takes its connections with it, at once; one that stands still, or whose machine
is out of reach, keeps them. So a lost peer has most likely died, and one that is not lost may have.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Contacts:
    """`lost` is called with the peer's id, `met` after each connection that began."""

    def __init__(self, lost: Callable[[int], None], met: Callable[[], None]) -> None:
        self._lost = lost
        self._met = met
        self._open: Counter[int] = Counter()

    @contextmanager
    def connection(self, peer_id: int) -> Iterator[None]:
        """One with that peer, for as long as it lasts."""
        self._open[peer_id] += 1
        try:
            self._met()
            yield
        finally:
            self._open[peer_id] -= 1
            if not self._open[peer_id]:
                del self._open[peer_id]
                self._lost(peer_id)
