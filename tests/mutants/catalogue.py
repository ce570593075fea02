"""All mutants, in order."""

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
from tests.mutants.planting import Mutant, registered

THEMES = (elections, log, commit, durability, reads, snapshots, sessions, membership)

MUTANTS: dict[str, Mutant] = {
    name: each
    for theme in THEMES
    for name, each in registered.items()
    if each.plant.__module__ == theme.__name__
}
"""By name, theme by theme."""
