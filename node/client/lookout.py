"""Looking for another leader while a node is silent.

A leader that stands still keeps its connections, and who asked it would wait for its answer long
after the others have elected another one. It may as well be slow. So whoever waits asks the other
nodes now and then who leads, and goes on waiting as long as none of them does.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from node.client.address import ClusterAddress
from node.client.errors import UnreachableError
from node.client.survey import status_of_all

T = TypeVar("T")

FIRST_LOOK_SECONDS = 0.2
"""An election takes about as long, and an answer much less."""
NEXT_LOOK_SECONDS = 0.1
"""From the first look to the second; to the third it is twice as long, and so on."""
ANSWER_SECONDS = 0.1
"""For the others to say who leads."""


class Lookout:
    """Of who waits for something that a node is to send. `successor` is who leads instead, once
    that was found.
    """

    def __init__(
        self, address: ClusterAddress, node_id: int, silent_since: float | None = None
    ) -> None:
        """`silent_since`: monotonic seconds; from now on, unless it is given."""
        self.successor: int | None = None
        self._address = address
        self._node_id = node_id
        since = time.monotonic() if silent_since is None else silent_since
        self._next_at = since + FIRST_LOOK_SECONDS
        self._interval = NEXT_LOOK_SECONDS

    def wait(self, receive: Callable[[float], T], until: float) -> T:
        """What `receive` gives, which is called with how long to wait at most (monotonic seconds).

        Raises UnreachableError, as `receive` does: `silent` at `until`, or when another node leads.
        """
        while True:
            look_at = min(until, self._next_at)
            try:
                return receive(look_at)
            except UnreachableError as error:
                if error.code != "silent" or look_at == until:
                    raise
                self.successor = self._look()
                if self.successor is not None:
                    raise

    def _look(self) -> int | None:
        """Who of the others leads, in the latest term that they know of."""
        others = status_of_all(self._address, ANSWER_SECONDS, leave_out=(self._node_id,))
        known = [status for status in others.values() if isinstance(status, dict)]
        term = max((status["term"] for status in known), default=0)
        leading = [
            each["id"] for each in known if each["role"] == "leader" and each["term"] == term
        ]
        self._next_at = time.monotonic() + self._interval
        self._interval *= 2
        return leading[0] if leading else None
