"""Client sessions: a retried command is applied once (thesis 6.3).

Every command carries its client's random id and a sequence number. The first command of an unknown
client opens its session, without a round of its own. The results of commands are kept until the
client says, in a later command, that it has them (`acked_below`), so a command that comes again
gets the result of the first time.

Sessions live in the replicated state: which of them exist depends on the log alone, never on a
clock, so all nodes agree. When there are too many the least recently used one goes. A client whose
session went must not open a second one with a retry of an old command, which might have been
applied in the first. It gives itself away by `born_at`, the log index that it saw before its first
command: all its commands have higher indices, so if its session was evicted, then
`evicted_through`, the highest last use of an evicted session, lies above its birth.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import cbor2

from node.wire.cbor import load_plain
from node.wire.envelope import (
    EXPIRED_RESULT,
    HEADER_BYTES,
    NO_HEADER,
    EnvelopeError,
    error_result,
    read_header,
)

SESSIONS_MAX = 4096
RESULTS_MAX = 8192
"""Results kept for one client: more than one client may have in flight on one node."""
RESULTS_BYTES_MAX = 8 * 1024 * 1024
"""Their bytes. A client that acknowledges none of them is refused beyond that."""
SESSIONS_BYTES_MAX = 256 * 1024 * 1024
"""Of the results of all sessions: beyond that the least recently used ones go."""


_NO_COMMAND = error_result(EnvelopeError.__name__)
"""What comes of bytes that are too short for a header."""
_TOO_MANY = error_result("TooManyUnacknowledged")

PART_BYTES = 64 * 1024
"""A part of a snapshot ends after the result that reaches this size."""

ITEM_BYTES = 32
"""What a row or a result takes beside its bytes, about."""
ROW_DEPTH = 5

Row = tuple[int, int, int, list[tuple[int, bytes]]]
"""A session as a snapshot holds it: client, last index, acked_below, results by sequence; a part
holds some of the results.
"""


@dataclass(slots=True)
class Session:
    last_index: int
    """The entry that used it last."""
    acked_below: int = 0
    results: dict[int, bytes] = field(default_factory=dict)
    """By sequence, at and above `acked_below`."""
    results_bytes: int = 0
    is_shared: bool = False
    """Whether a snapshot may hold it: then it stays as it is, and its next use makes a copy."""

    def copy(self) -> "Session":
        return replace(self, results=self.results.copy(), is_shared=False)

    def acknowledge(self, acked_below: int) -> int:
        """The client has the results of all lower sequences, which are more than before.

        Gives how many bytes that frees.
        """
        if acked_below - self.acked_below <= len(self.results):
            pop = self.results.pop
            gone = [pop(sequence, b"") for sequence in range(self.acked_below, acked_below)]
            freed = sum(map(len, gone))
        else:
            self.results = {s: result for s, result in self.results.items() if s >= acked_below}
            freed = self.results_bytes - sum(map(len, self.results.values()))
        self.acked_below = acked_below
        self.results_bytes -= freed
        return freed


class Sessions:
    """The sessions of one replica, least recently used first."""

    def __init__(
        self,
        sessions_max: int = SESSIONS_MAX,
        results_max: int = RESULTS_MAX,
        results_bytes_max: int = RESULTS_BYTES_MAX,
        sessions_bytes_max: int = SESSIONS_BYTES_MAX,
    ) -> None:
        self._sessions: OrderedDict[int, Session] = OrderedDict()
        self.sessions_max = sessions_max
        self._results_max = results_max
        self._results_bytes_max = results_bytes_max
        self._sessions_bytes_max = sessions_bytes_max
        self._bytes = 0
        self.evicted_through = 0

    def __len__(self) -> int:
        return len(self._sessions)

    def apply(
        self, commands: Iterable[Any], first: int, run: Callable[[bytes, int], bytes]
    ) -> list[bytes]:
        """The results of `commands`, sealed ones, the entries from index `first` on.

        A result is what `run` gives, now or earlier, which is called with the bytes behind the
        header and the index. No-ops and configurations are no commands, and have empty ones.
        """
        given: list[bytes] = []
        current = session = None  # most commands come from the client of the one in front
        for index, command in enumerate(commands, first):
            try:
                client_id, sequence, acked_below, born_at = read_header(command)
            except NO_HEADER:
                given.append(_NO_COMMAND if type(command) is bytes else b"")
                continue
            if session is None or client_id != current:
                current, session = client_id, self._use(client_id, index, born_at)
                if session is None:
                    given.append(EXPIRED_RESULT)
                    continue
            session.last_index = index
            if acked_below > session.acked_below:
                self._bytes -= session.acknowledge(acked_below)
            if sequence < session.acked_below:
                given.append(EXPIRED_RESULT)  # a late copy: the client has the result
                continue
            results = session.results
            result = results.get(sequence)
            if result is None:
                if (
                    len(results) >= self._results_max
                    or session.results_bytes >= self._results_bytes_max
                ):
                    given.append(_TOO_MANY)
                    continue
                result = results[sequence] = run(command[HEADER_BYTES:], index)
                size = len(result)
                session.results_bytes += size
                self._bytes += size
                if self._bytes > self._sessions_bytes_max:
                    self._make_room()
            given.append(result)
        return given

    def _use(self, client_id: int, index: int, born_at: int) -> Session | None:
        """The client's session, a new one for an unknown client; None if its own was evicted."""
        session = self._sessions.get(client_id)
        if session is None:
            if born_at < self.evicted_through:
                return None
            if len(self._sessions) >= self.sessions_max:
                self._evict()
            session = self._sessions[client_id] = Session(index)
        elif session.is_shared:
            session = self._sessions[client_id] = session.copy()
        self._sessions.move_to_end(client_id)
        return session

    def _make_room(self) -> None:
        while self._bytes > self._sessions_bytes_max and len(self._sessions) > 1:
            self._evict()

    def _evict(self) -> None:
        """The least recently used one goes: on every node the same."""
        _, evicted = self._sessions.popitem(last=False)
        self._bytes -= evicted.results_bytes
        self.evicted_through = max(self.evicted_through, evicted.last_index)

    def snapshot(self) -> Iterator[bytes]:
        """The sessions as they are now, in parts, which may be taken while others are applied.

        It takes no longer for many results: there may be thousands for each of the sessions.
        """
        for session in self._sessions.values():
            session.is_shared = True
        return _parts(self.evicted_through, list(reversed(self._sessions.items())))

    def restore(self, parts: Iterable[bytes]) -> None:
        """Take on what `snapshot` gave, on new sessions. Raises ValueError for anything else."""
        for part in parts:
            evicted_through, rows = load_plain(part, ROW_DEPTH)
            self.evicted_through = evicted_through
            for client_id, last_index, acked_below, results in rows:
                session = self._sessions.setdefault(client_id, Session(last_index, acked_below))
                session.results.update((sequence, result) for sequence, result in results)
                size = sum(len(result) for _, result in results)
                session.results_bytes += size
                self._bytes += size

    def dismantle(self) -> Iterator[None]:
        """Let go of everything, a session with each step. It is of no use afterwards."""
        while self._sessions:
            self._sessions.popitem()
            yield


def _parts(evicted_through: int, sessions: list[tuple[int, Session]]) -> Iterator[bytes]:
    """Arrays of what was evicted and some rows; one with many results is spread over several.

    The last of `sessions` comes first, and each is let go of when it is through.
    """
    part: list[Row] = []
    size = 0
    while sessions:
        client_id, session = sessions.pop()
        some: list[tuple[int, bytes]] = []
        part.append((client_id, session.last_index, session.acked_below, some))
        for sequence, result in session.results.items():
            some.append((sequence, result))
            size += ITEM_BYTES + len(result)
            if size >= PART_BYTES:
                yield cbor2.dumps((evicted_through, part))
                some = []
                part = [(client_id, session.last_index, session.acked_below, some)]
                size = 0
        size += ITEM_BYTES
    yield cbor2.dumps((evicted_through, part))
