"""What a load asks for: the n-th request, its key and its kind. The same in each run."""

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from node.machines import kv
from raftctl.values import usage

Word = TypeVar("Word", bound=str)
Mode = Literal["put", "get", "mixed"]
Distribution = Literal["sequential", "uniform", "zipfian"]

SEED = 1
DRAWN_AT_ONCE = 4096
ZIPF_EXPONENT = 0.99
"""As in YCSB: of 10,000 keys the first gets a tenth of the requests."""
PATTERN_LENGTH = 1000
"""After so many requests reads and writes alternate as before."""


def key_numbers(keys: int, distribution: Distribution) -> Iterator[int]:
    """Numbers from 0 to `keys` - 1, for ever."""
    match distribution:
        case "sequential":
            yield from itertools.cycle(range(keys))
        case "uniform":
            yield from _drawn(range(keys), None)
        case "zipfian":
            weights = (1 / rank**ZIPF_EXPONENT for rank in range(1, keys + 1))
            yield from _drawn(range(keys), list(itertools.accumulate(weights)))


def _drawn(numbers: Sequence[int], cum_weights: Sequence[float] | None) -> Iterator[int]:
    rng = random.Random(SEED)
    while True:
        yield from rng.choices(numbers, cum_weights=cum_weights, k=DRAWN_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a load asks for. `size`: bytes of a value; `read_share` of those of a mixed load are
    reads, 0 to 1.
    """

    mode: Mode
    size: int
    keys: int
    distribution: Distribution
    read_share: float

    def reads(self) -> Callable[[int], bool]:
        """Whether the n-th request is a read."""
        share = {"put": 0.0, "get": 1.0, "mixed": self.read_share}[self.mode]
        reads = round(PATTERN_LENGTH * share)
        pattern = [True] * reads + [False] * (PATTERN_LENGTH - reads)
        random.Random(SEED).shuffle(pattern)
        return lambda number: pattern[number % PATTERN_LENGTH]

    def maker(self) -> Callable[[int], bytes]:
        """The n-th command or query, to be asked for in turn, each once."""
        numbers = key_numbers(self.keys, self.distribution)
        is_read = self.reads()
        value = b"x" * self.size

        def make(number: int) -> bytes:
            key = f"key-{next(numbers)}"
            return kv.get(key) if is_read(number) else kv.put(key, value)

        return make


def one_of(option: str, word: str, *known: Word) -> Word:
    """`word`, if it is one of those. Raises CliError (exit 2)."""
    for each in known:
        if each == word:
            return each
    raise usage(f"{option} {word}", f"{', '.join(known[:-1])} or {known[-1]}")
