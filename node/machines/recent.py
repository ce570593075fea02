"""The latest changes of a machine, for those who follow them.

They are kept in two lists. When the newer one is full it becomes the older one, and what was that
goes as a whole: to drop one for each that is added would take as long as to add it.
"""

from collections.abc import Iterator
from itertools import chain

Change = tuple[int, str, bytes | None]
"""What changed at an index: a key, and its item or None for a deletion."""


class RecentChanges:
    def __init__(self, changes_max: int, bytes_max: int) -> None:
        """The newest `changes_max` are kept, or as many as have `bytes_max` bytes in their keys and
        items, and up to as many older ones.
        """
        self._changes_max = changes_max
        self._bytes_max = self._bytes_left = bytes_max
        self._older: list[Change] = []
        self._newer: list[Change] = []
        self.forgotten_through = 0
        """Those up to this index are not kept."""

    def add(self, index: int, key: str, item: bytes | None) -> None:
        newer = self._newer
        newer.append((index, key, item))
        self._bytes_left -= len(key) + (len(item) if item else 0)
        if self._bytes_left <= 0 or len(newer) >= self._changes_max:
            self._forget()

    def _forget(self) -> None:
        if self._older:
            self.forgotten_through = self._older[-1][0]
        self._older, self._newer, self._bytes_left = self._newer, [], self._bytes_max

    def newest_first(self) -> Iterator[Change]:
        return chain(reversed(self._newer), reversed(self._older))
