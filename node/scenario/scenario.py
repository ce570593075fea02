"""What a scenario consists of, as plain values. Durations are whole microseconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from node.scenario.actions import Action
from node.scenario.when import When

FORMAT = 1
"""Of the text of a scenario that a program wrote."""
NODES_MAX = 9
STEPS_MAX = 2_000
DURATION_US_MIN = 1_000_000
DURATION_US_MAX = 24 * 3_600_000_000
SEED_MAX = 2**63 - 1
CLIENTS_MAX = 256
RATE_MAX = 1_000_000
KEYS_MAX = 1_000_000
OPERATIONS_MAX = 1_000_000_000
WEIGHT_MAX = 1_000_000
OPTIONS_MAX = 100

WorkloadKind = Literal["register", "cas", "set", "append", "bank", "counter", "lock"]
Budget = Literal["quorum-safe", "any"]
Option = int | float | bool | str

MIXES: Mapping[WorkloadKind, Mapping[str, int]] = {
    "register": {"read": 50, "write": 50},
    "cas": {"read": 50, "write": 30, "cas": 20},
    "set": {"read": 20, "add": 80},
    "append": {"read": 50, "append": 50},
    "bank": {"read": 50, "transfer": 50},
    "counter": {"read": 50, "add": 50},
    "lock": {"acquire": 50, "release": 50},
}
"""The operations of each kind of workload, and how often each is chosen where nobody says."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What clients do meanwhile, in an open loop: `rate_per_s` operations per second in all.

    `mix` holds weights. A key is left for a fresh one after `ops_per_key` operations.
    """

    kind: WorkloadKind = "cas"
    clients: int = 8
    rate_per_s: int = 120
    keys: int = 20
    ops_per_key: int = 400
    mix: Mapping[str, int] = field(default_factory=lambda: dict(MIXES["cas"]))
    timeout_us: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """One action. `lasts_us`: after that time its fault is ended; None: nothing ends it."""

    when: When
    action: Action
    name: str = ""
    lasts_us: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A range to draw a duration from."""

    least_us: int
    most_us: int


@dataclass(frozen=True, slots=True)
class RandomFaults:
    """Background faults, from one moment to another, one after each draw from `every`.

    `lasts` is how long one of them holds, if it has an end. `faults` pairs actions with weights.
    """

    from_us: int
    to_us: int
    every: Span
    lasts: Span
    faults: tuple[tuple[Action, int], ...]
    budget: Budget = "quorum-safe"


@dataclass(frozen=True, slots=True)
class StepBudget:
    """What a step may cost: the longest time without a success, by kind of operation.

    Fewer than `min_ok` successes while its fault holds say nothing: inconclusive.
    """

    max_unavailable_us: Mapping[str, int] = field(default_factory=dict)
    min_ok: int = 0


@dataclass(frozen=True, slots=True)
class Expect:
    """What has to hold. `invariants`: all of them, none, or those that are named, as
    `node.verify.invariants` has them.

    `converge_within_us`: from the end of the scenario, all healed, to equal state; None: not asked.
    """

    linearizable: bool = True
    invariants: Literal["all", "none"] | tuple[str, ...] = "all"
    converge_within_us: int | None = None
    steps: Mapping[str, StepBudget] = field(default_factory=dict)
    """By the step's name."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole run. `sim` holds the simulator's options, which nobody looks at here."""

    name: str
    about: str = ""
    nodes: int = 3
    seed: int = 1
    duration_us: int = 30_000_000
    workload: Workload = field(default_factory=Workload)
    steps: tuple[Step, ...] = ()
    random: RandomFaults | None = None
    expect: Expect = field(default_factory=Expect)
    sim: Mapping[str, Option] = field(default_factory=dict)
