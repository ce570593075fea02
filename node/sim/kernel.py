"""Virtual time: what happens next, and a digest of all that happened.

Time is a whole number of microseconds. Two things that are due in the same moment happen in the
order in which they were asked for, so a run has one order and no other.
"""

from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from heapq import heappop, heappush
from typing import Any, Final, Literal

from node.verify.observation import Violation

Kind = Literal["deliver", "timer", "disk", "snapshot", "client", "fault", "check"]

AT_ONCE_MAX = 10_000
"""So many things in the same microsecond are a loop."""
_DIGEST_BYTES: Final = 16


class Kernel:
    """The clock, and the heap of what is to come."""

    def __init__(self) -> None:
        self.now = 0
        """Microseconds since the run began."""
        self.events = 0
        """How many things have happened."""
        self.by_kind: Counter[Kind] = Counter()
        self._heap: list[tuple[int, int, Kind, Callable[..., None], tuple[Any, ...]]] = []
        self._order = 0
        self._digest = blake2b(digest_size=_DIGEST_BYTES)

    @property
    def digest(self) -> str:
        """Of everything so far: two runs with the same one were the same."""
        return self._digest.hexdigest()

    def note(self, data: bytes) -> None:
        """Have something count for the digest."""
        self._digest.update(data)

    def at(self, time: int, kind: Kind, action: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401
        """Call `action` at `time`, or now if that is over."""
        self._order = order = self._order + 1
        heappush(self._heap, (max(time, self.now), order, kind, action, arguments))

    def after(self, delay: int, kind: Kind, action: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401
        """Call `action` in `delay` microseconds."""
        assert delay >= 0, "time goes on"
        self._order = order = self._order + 1
        heappush(self._heap, (self.now + delay, order, kind, action, arguments))

    def run(self, until: int) -> None:
        """Let everything happen that is due before `until`, and make it that time.

        Raises Violation when that has no end: a node that does nothing over and over again would
        have a real one's processor to itself.
        """
        heap, by_kind, update = self._heap, self.by_kind, self._digest.update
        at_once = 0
        while heap and heap[0][0] < until:
            time, order, kind, action, arguments = heappop(heap)
            at_once = at_once + 1 if time == self.now else 0
            if at_once > AT_ONCE_MAX:
                text = f"{AT_ONCE_MAX} things happen at {time} us, the last of them a {kind}"
                raise Violation("time_goes_on", None, text)
            self.now = time
            self.events += 1
            by_kind[kind] += 1
            update(b"%d %d" % (time, order))
            action(*arguments)
        self.now = max(self.now, until)
