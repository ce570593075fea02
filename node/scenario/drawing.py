"""A scenario out of nothing but a seed: some faults, at some times, none that costs the quorum.

Each kind of fault is wholly absent from many of them: what is always there hides what only happens
without it (Groce et al., Swarm Testing, 2012).
"""

import random

from node.scenario.background import expand
from node.scenario.lines import parse_action
from node.scenario.scenario import MIXES, Expect, RandomFaults, Scenario, Span, Workload

SECOND_US = 1_000_000
QUIET_US = 4 * SECOND_US
"""At the begin, and at the end."""
DURATION_US_MIN = 15 * SECOND_US
ABSENT = 0.4
"""How often a kind of fault is left out."""
FAULTS = (
    "kill leader", "kill any-follower", "stop any", "pause leader", "pause any-follower",
    "partition any / rest", "partition leader / rest", "partition --one-way any:rest",
    "partition --one-way not:leader:leader", "net --link all:all --latency 10ms+-8ms --drop 2%",
    "net --link leader:rest --latency 60ms+-20ms", "net --link any:rest --drop 20%",
    "restart any", "transfer",
)  # fmt: skip
KINDS = tuple(MIXES)


def draw_scenario(seed: int, duration_us: int, nodes: int) -> Scenario:
    """The same for the same numbers, with each fault as a step of its own.

    Raises ValueError for less than `DURATION_US_MIN`, or less than three nodes.
    """
    if duration_us < DURATION_US_MIN or nodes < 3:
        raise ValueError(f"at least {DURATION_US_MIN // SECOND_US} seconds, and three nodes")
    rng = random.Random(f"{seed} scenario")
    kept = [line for line in FAULTS if rng.random() >= ABSENT] or ["kill leader"]
    kind = rng.choice(KINDS)
    longest_s = rng.choice([2, 4])
    scenario = Scenario(
        f"random-{seed}",
        about=f"Drawn from seed {seed}.",
        nodes=nodes,
        seed=seed,
        duration_us=duration_us,
        workload=Workload(
            kind=kind,
            clients=rng.choice([4, 8]),
            rate_per_s=rng.choice([40, 80, 120]),
            keys=rng.choice([3, 10, 20]),
            ops_per_key=rng.choice([100, 400]),
            mix=dict(MIXES[kind]),
        ),
        random=RandomFaults(
            from_us=QUIET_US,
            to_us=duration_us - QUIET_US,
            every=Span(SECOND_US, rng.choice([2, 4]) * SECOND_US),
            lasts=Span(SECOND_US, longest_s * SECOND_US),
            faults=tuple((parse_action(line), rng.randint(1, 3)) for line in kept),
        ),
        expect=Expect(converge_within_us=15 * SECOND_US),
    )
    return expand(scenario, rng)
