"""The documents of the verbs for faults."""

from dataclasses import dataclass


@dataclass
class Fault:
    id: int
    name: str
    kind: str
    spec: str
    age_ms: int
    expires_in_ms: int | None
    hits: int | None
    undo: str


@dataclass
class Faults:
    cluster: str
    faults: list[Fault]


@dataclass
class Injected:
    """The answer of partition and net, and of what lasts of disk and clock."""

    fault: Fault
    effect: str
    applied_to: list[str]


@dataclass
class Heal:
    healed: list[int]
    eased: list[int]
    """Faults that lost a link and go on."""
    remaining: int
