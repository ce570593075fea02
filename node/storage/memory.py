"""Storage that lives as long as its object: for a node that lost its disk, and for simulations."""

from collections.abc import Sequence

from node.raft.messages import LogEntry
from node.raft.ready import HardState
from node.storage.base import Stored


class MemoryStorage:
    """Keeps what `save` was given, and survives a crash of everything but itself."""

    def __init__(self) -> None:
        self._hard_state = HardState(0, None)
        self._log: list[LogEntry] = []

    def load(self) -> Stored:
        return Stored(self._hard_state, list(self._log))

    def save(
        self,
        hard_state: HardState | None,
        truncate_from: int | None,
        first_index: int,
        entries: Sequence[LogEntry],
    ) -> None:
        if hard_state is not None:
            self._hard_state = hard_state
        if truncate_from is not None:
            del self._log[truncate_from - 1 :]
        if entries:
            assert first_index == len(self._log) + 1, "no holes"
            self._log.extend(entries)

    def close(self) -> None:
        """Nothing to release."""
