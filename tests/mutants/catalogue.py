"""All mutants: importing this registers them."""

from tests.mutants import (
    commit,
    durability,
    elections,
    log,
    membership,
    reads,
    sessions,
    snapshots,
)
from tests.mutants.planting import MUTANTS

THEMES = (elections, log, commit, durability, reads, snapshots, sessions, membership)

__all__ = ["MUTANTS", "THEMES"]
