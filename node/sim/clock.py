"""A node's own clock: it runs a little fast or slow, and a laptop that slept makes it jump."""

from node.sim.kernel import Kernel

PPM = 1_000_000


class Clock:
    """Microseconds on a node's monotonic clock. `rate_ppm`: how fast it runs, in millionths."""

    def __init__(self, kernel: Kernel, start: int, rate_ppm: int) -> None:
        self._kernel = kernel
        self._since = kernel.now
        self._at_since = start
        self.rate_ppm = rate_ppm

    def now(self) -> int:
        return self._at_since + (self._kernel.now - self._since) * self.rate_ppm // PPM

    def time_of(self, local: int) -> int:
        """The kernel's time at which this clock shows `local`, or later."""
        ahead = local - self._at_since
        return self._since + -(-ahead * PPM // self.rate_ppm)

    def run_at(self, rate_ppm: int) -> None:
        """Run faster or slower from now on."""
        self._settle(0)
        self.rate_ppm = rate_ppm

    def jump(self, microseconds: int) -> None:
        """Show a later time at once."""
        self._settle(microseconds)

    def _settle(self, jump: int) -> None:
        self._at_since = self.now() + jump
        self._since = self._kernel.now
