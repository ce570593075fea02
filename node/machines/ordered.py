"""A map in the order of its keys that is captured, and dropped, without stopping for its size.

A dict of a million items holds the interpreter for some thirty milliseconds while it is copied, and
for a hundred while it is freed: too long for a node that has to answer heartbeats. So the items lie
in blocks, small dicts, each with the keys from its first one up to the next block's. A capture
takes the list of the blocks and no item. From then on the blocks are shared, and the first write to
one copies it. A capture and a dismantling let go of one block after the other.

Within a block there is no order: it is sorted when somebody asks for the order. The keys decide
what comes out, not how the blocks came about, so that is the same on every node.
"""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain, islice
from operator import itemgetter
from typing import Generic, TypeVar

V = TypeVar("V")

BLOCK_ITEMS_MAX = 512
"""To copy that many takes about as long as to apply a command."""


_key_of = itemgetter(0)


class OrderedMap(Generic[V]):
    """Text to values. Not thread-safe, but for what `capture` and `dismantle` give.

    Values that hold no references, such as bytes, cost the least: the garbage collector never looks
    into a dict of those.
    """

    def __init__(self, block_items_max: int = BLOCK_ITEMS_MAX) -> None:
        self._block_items_max = block_items_max
        self._firsts: list[str] = []
        """Of each block but the first one: no key in it is below this one."""
        self._blocks: list[dict[str, V]] = [{}]
        self._is_shared = [False]
        """Whether a capture may hold the block."""

    def get(self, key: str) -> V | None:
        return self._blocks[bisect_right(self._firsts, key)].get(key)

    def put(self, key: str, value: V) -> bool:
        """Whether the key existed."""
        position = bisect_right(self._firsts, key)
        block = self._own(position) if self._is_shared[position] else self._blocks[position]
        size = len(block)
        block[key] = value
        if len(block) == size:
            return True
        if size >= self._block_items_max:
            self._split(position)
        return False

    def remove(self, key: str) -> bool:
        """Whether the key existed."""
        position = bisect_right(self._firsts, key)
        if key not in self._blocks[position]:
            return False
        block = self._own(position) if self._is_shared[position] else self._blocks[position]
        del block[key]
        if not block and position > 0:
            del self._firsts[position - 1], self._blocks[position], self._is_shared[position]
        return True

    def _own(self, position: int) -> dict[str, V]:
        block = self._blocks[position] = self._blocks[position].copy()
        self._is_shared[position] = False
        return block

    def _split(self, position: int) -> None:
        block = self._blocks[position]
        keys = sorted(block)
        middle = len(keys) // 2
        self._blocks[position] = {key: block[key] for key in keys[:middle]}
        self._insert(position + 1, {key: block[key] for key in keys[middle:]}, keys[middle])

    def _insert(self, position: int, block: dict[str, V], first: str) -> None:
        self._firsts.insert(position - 1, first)
        self._blocks.insert(position, block)
        self._is_shared.insert(position, False)

    def items(self, start: str = "") -> Iterator[tuple[str, V]]:
        """Those from `start` on, in order. Nothing may be written meanwhile."""
        position = bisect_right(self._firsts, start)
        for block in islice(self._blocks, position, None):
            for key in sorted(key for key in block if key >= start):
                yield key, block[key]

    def capture(self) -> Iterator[tuple[str, V]]:
        """The items as they are now, in order, to be taken in any thread at any time."""
        self._is_shared = [True] * len(self._blocks)
        return chain.from_iterable(_taken(self._blocks[::-1]))

    def dismantle(self) -> Iterator[None]:
        """Let go of everything, a block with each step. The map is of no use afterwards."""
        while self._blocks:
            self._blocks.pop()
            yield


def _taken(blocks: list[dict[str, V]]) -> Iterator[list[tuple[str, V]]]:
    """The items of each of `blocks`, the last one first; each is freed when it is through."""
    while blocks:
        yield sorted(blocks.pop().items(), key=_key_of)
