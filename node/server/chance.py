"""Chance for what must not be the same on nodes that start in the same moment."""

import random


def seeded_rng() -> random.Random:
    """One that nobody can foresee: election timeouts differ by it."""
    return random.Random(random.SystemRandom().getrandbits(64))
