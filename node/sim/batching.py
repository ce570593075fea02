"""When a client asks for several things at once, and for which: by a stream of its own, so that
what it asks alone is what it would be without.
"""

from dataclasses import dataclass
from typing import Any

from node.sim.streams import stream, weighted
from node.verify.observation import Kind
from node.wire.messages import ReadMode

BATCH_MAX = 8
SKIPPED_MAX = 2
SKIPS = 0.3
"""How often a batch leaves out some numbers of its session."""

Choices = tuple[tuple[Any, int], ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """What to ask, in this order, and how many numbers to leave out."""

    wishes: tuple[tuple[Kind, str], ...]
    mode: ReadMode
    skipped: int


class Batching:
    """The batches of one client. `often`: how often what it asks is one of them; `weights` and
    `modes` are those of what it asks alone, among `keys` keys.
    """

    def __init__(
        self, seed: int, client_id: int, often: float, keys: int, weights: Choices, modes: Choices
    ) -> None:
        self._random = stream(seed, "batches", client_id)
        self._often = often
        self._keys = keys
        self._weights = weights
        self._modes = modes

    def next(self) -> Batch | None:
        """None: it asks for one thing now. A batch is of reads, or has none."""
        rng = self._random
        if rng.random() >= self._often:
            return None
        is_read = weighted(rng, self._weights) == "get"
        weights = tuple(each for each in self._weights if (each[0] == "get") == is_read)
        wishes = tuple(
            (weighted(rng, weights), f"k{rng.randrange(self._keys)}")
            for _ in range(rng.randint(1, BATCH_MAX))
        )
        skips = not is_read and rng.random() < SKIPS
        skipped = rng.randint(1, SKIPPED_MAX) if skips else 0
        return Batch(wishes, weighted(rng, self._modes), skipped)
