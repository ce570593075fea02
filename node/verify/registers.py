"""What each key held after each entry, by the log alone: the order of the entries is the truth.

A second opinion on the key-value machine, so nothing of that is used here.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from node.verify.observation import Kind

KEPT_MIN = 16


class Effect(NamedTuple):
    """What an entry did, and what its client has to be told."""

    kind: Kind
    key: str
    value: bytes | None
    result: Any


@dataclass(slots=True)
class _History:
    """The values of one key, and the entries that wrote them, in order."""

    indices: list[int] = field(default_factory=lambda: [0])
    values: list[bytes | None] = field(default_factory=lambda: [None])


class Registers:
    """Keys by name. Values are bytes, None is "no such key"."""

    __slots__ = ("_histories", "trimmed_to")

    def __init__(self) -> None:
        self._histories: dict[str, _History] = {}
        self.trimmed_to = 0
        """What was true before this entry may not be known any more."""

    def run(self, index: int, command: list[Any]) -> Effect | None:
        """Apply the command of the entry at `index`; None for one of another machine."""
        match command:
            case ["put", str(key), bytes(value)]:
                history = self._history(key)
                existed = history.values[-1] is not None
                history.indices.append(index)
                history.values.append(value)
                return Effect("put", key, value, existed)
            case ["delete", str(key)]:
                history = self._history(key)
                existed = history.values[-1] is not None
                if existed:
                    history.indices.append(index)
                    history.values.append(None)
                return Effect("delete", key, None, existed)
            case ["cas", str(key), bytes() | None as expected, bytes() | None as value]:
                history = self._history(key)
                now = history.values[-1]
                if now != expected:
                    return Effect("cas", key, value, [False, now])
                if value is not None or now is not None:
                    history.indices.append(index)
                    history.values.append(value)
                return Effect("cas", key, value, [True, value])
        return None

    def at(self, key: str, index: int) -> tuple[bytes | None, int]:
        """What `key` holds after entry `index`, and the entry that wrote it (0: none did)."""
        history = self._histories.get(key)
        if history is None:
            return None, 0
        position = bisect_right(history.indices, index) - 1
        return history.values[position], history.indices[position]

    def trim(self, index: int) -> None:
        """Nobody asks for what was true before entry `index`."""
        self.trimmed_to = index
        for history in self._histories.values():
            gone = bisect_right(history.indices, index) - 1
            if gone >= KEPT_MIN:
                del history.indices[:gone], history.values[:gone]

    def _history(self, key: str) -> _History:
        history = self._histories.get(key)
        if history is None:
            history = self._histories[key] = _History()
        return history
