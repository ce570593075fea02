"""Whether any of a node's connections has something that nobody has read yet.

The kernel is asked, at the price of one call, whatever the tasks of the connections have come to:
one that was woken, and has not had its turn, has not read yet either.
"""

import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial


class Arrivals:
    """Made once for a node; `watching` adds a connection for as long as it is read."""

    def __init__(self) -> None:
        epoll = getattr(select, "epoll", None)
        self._poll = select.poll() if epoll is None else epoll()
        # One that is there is enough: epoll then takes the same time, however many there are.
        most = () if epoll is None else (1,)
        self._look = partial(self._poll.poll, 0, *most)

    @contextmanager
    def watching(self, fileno: int) -> Iterator[None]:
        """The socket has to stay open meanwhile. -1: there is none."""
        if fileno < 0:
            yield
            return
        self._poll.register(fileno, select.POLLIN)
        try:
            yield
        finally:
            with suppress(OSError, KeyError):
                self._poll.unregister(fileno)

    def are_there(self) -> bool:
        return bool(self._look())
