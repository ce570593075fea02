"""Runs in which links are cut one way, or a minority is cut off, for long, and nothing else befalls
the cluster: there a node that half hears the others must not disturb them.
"""

import random

from node.scenario import actions
from node.scenario.scenario import Step
from node.scenario.when import At
from node.sim.options import Options
from node.sim.progress import is_calm
from node.sim.streams import stream
from node.sim.world import MS

LINKS = (
    "any-follower:rest",
    "not:n1:n1",
    "leader:rest",
    "not:leader:leader",
    "leader:any-follower",
)
SHORT_TIMEOUT_MS = 150
"""Longer ones leave no time for many of them in one run."""


def half_cuts(seed: int, options: Options) -> list[Step]:
    """The only faults of some seeds: links that are cut one way, or a minority, for long."""
    rng = stream(seed, "half cuts")
    is_short = options.election_timeout_ms <= SHORT_TIMEOUT_MS
    if options.nodes < 3 or not is_short or not is_calm(options) or rng.random() < 0.3:
        return []
    timeout_us = options.election_timeout_ms * MS
    steps = []
    at = rng.randrange(MS, 10 * timeout_us)
    while at < options.duration_ms * MS:
        lasts_us = timeout_us * rng.randint(30, 60)
        lasts_us = min(lasts_us, options.duration_ms * MS - at)
        steps.append(Step(At(at), _cut(rng), "", lasts_us))
        at += lasts_us + timeout_us * rng.randint(1, 5)
    return steps


def _cut(rng: random.Random) -> actions.Partition:
    if rng.random() < 0.2:
        return actions.Partition(("minority",))
    return actions.Partition(one_way=(rng.choice(LINKS),))
