"""Randomness that can be taken apart: each use has a stream of its own, with a name.

What one stream is asked says nothing about what another gives, so a plan with one fault less is
otherwise the same run. That is what makes shrinking work.
"""

import random
from hashlib import blake2b
from typing import Final, TypeVar

T = TypeVar("T")

_MASK: Final = (1 << 64) - 1
_STEP: Final = 0x9E3779B97F4A7C15
_TO_UNIT: Final = 1.0 / (1 << 53)


def stream(seed: int, *name: str | int) -> random.Random:
    """The stream of that name, from its beginning."""
    return random.Random(_key(seed, name))


def weighted(rng: random.Random, choices: tuple[tuple[T, int], ...]) -> T:
    """One of them, each as often as its weight says."""
    total = sum(weight for _, weight in choices)
    at = rng.randrange(total)
    for choice, weight in choices:
        at -= weight
        if at < 0:
            return choice
    raise AssertionError("the weights add up")


def _key(seed: int, name: tuple[str | int, ...]) -> int:
    text = "/".join(map(str, (seed, *name)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


class Numbered(random.Random):
    """A stream with an own beginning for each number: what happens to frame 17 of a link does not
    depend on how much was drawn for the frames before it.

    SplitMix64 (Steele, Lea, Flood 2014): to begin anew costs one multiplication.
    """

    def __new__(cls, seed: int, *name: str | int) -> "Numbered":
        return super().__new__(cls)

    def __init__(self, seed: int, *name: str | int) -> None:
        self._origin = _key(seed, name)
        self._state = self._origin

    def begin(self, number: int) -> None:
        """What is drawn from now on is for `number`."""
        mixed = (self._origin ^ number * 0xD1342543DE82EF95) & _MASK
        self._state = (mixed ^ mixed >> 32) * 0xD6E8FEB86659FD93 & _MASK

    def _next(self) -> int:
        self._state = state = (self._state + _STEP) & _MASK
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        state = (state ^ state >> 27) * 0x94D049BB133111EB & _MASK
        return state ^ state >> 31

    def random(self) -> float:
        return (self._next() >> 11) * _TO_UNIT

    def getrandbits(self, k: int) -> int:
        bits = self._next()
        for _ in range((k - 1) // 64):
            bits = bits << 64 | self._next()
        return bits & (1 << k) - 1
