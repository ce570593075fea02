"""A node's own monotonic clock. The core's time is read here, and nowhere else."""

import time
from collections.abc import Callable


def now_us() -> int:
    """Microseconds on the monotonic clock of the machine."""
    return time.monotonic_ns() // 1000


class Clock:
    """Microseconds on the clock of one node: that of the machine, until a fault makes it run fast
    or slow, or jump ahead. It never goes back.
    """

    def __init__(self, machine: Callable[[], int] = now_us) -> None:
        self._machine = machine
        self._since = self._shown = machine()
        self.rate = 1.0

    def now(self) -> int:
        elapsed = self._machine() - self._since
        return self._shown + (elapsed if self.rate == 1 else int(elapsed * self.rate))

    def seconds_until(self, shown: int) -> float:
        """How long it takes until this clock shows that; below 0 when it did."""
        return (shown - self.now()) / self.rate / 1e6

    def elapsed_us(self, since: int) -> int:
        """How long ago, by the machine's clock, this one showed that."""
        return round((self.now() - since) / self.rate)

    def run_at(self, rate: float) -> None:
        """Run faster or slower from now on; 1 is right."""
        self._settle(0)
        self.rate = rate

    def jump(self, delay_us: int) -> None:
        """Show a later time at once."""
        self._settle(delay_us)

    def _settle(self, jump_us: int) -> None:
        shown = self.now() + jump_us
        self._since = self._machine()
        self._shown = shown
