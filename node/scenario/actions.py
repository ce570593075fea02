"""What can be done to a cluster: each action is a line of raftctl, and `str` gives that line.

Nodes are selectors, in words, and mean somebody only once the action is carried out. Durations are
whole microseconds.
"""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from node.faults import LinkRule
from node.scenario.effects import NOTHING, option_words
from node.scenario.quantities import duration_text, number_text

DiskKind = Literal["stall", "slow", "full", "fail", "rot", "truncate"]
Ending = Literal["start", "resume", "heal"]


@dataclass(frozen=True, slots=True)
class OnNodes:
    """An action on the nodes that its selectors mean."""

    nodes: tuple[str, ...]
    verb: ClassVar[str] = ""

    def __str__(self) -> str:
        return _line(self.verb, *self.nodes, *self.options())

    def options(self) -> list[str]:
        return []


@dataclass(frozen=True, slots=True)
class Start(OnNodes):
    verb = "start"


@dataclass(frozen=True, slots=True)
class Stop(OnNodes):
    """A clean end: a leader hands over first."""

    verb = "stop"


@dataclass(frozen=True, slots=True)
class Kill(OnNodes):
    """An end as by a crash; `signal` without its SIG."""

    signal: str = "KILL"
    verb = "kill"

    def options(self) -> list[str]:
        return [] if self.signal == "KILL" else ["--signal", self.signal]


@dataclass(frozen=True, slots=True)
class Restart(OnNodes):
    """One after the other, each once the one before it is up, and `stagger_us` later."""

    stagger_us: int = 0
    verb = "restart"

    def options(self) -> list[str]:
        return ["--stagger", duration_text(self.stagger_us)] if self.stagger_us else []


@dataclass(frozen=True, slots=True)
class Pause(OnNodes):
    """Frozen: connections stay, nothing is answered."""

    verb = "pause"


@dataclass(frozen=True, slots=True)
class Resume(OnNodes):
    verb = "resume"


@dataclass(frozen=True, slots=True)
class Wipe(OnNodes):
    """Stopped, and without its data for good."""

    verb = "wipe"


@dataclass(frozen=True, slots=True)
class Disk(OnNodes):
    """A disk that does not do what it should, in one of these ways.

    stall: whatever is asked of it next takes `delay_us` longer, once. slow: each sync takes
    `delay_us` longer. full: it takes no more. fail: each sync fails. rot: something that it holds
    changes, an entry or a snapshot, which shows when that is read. truncate: the end of what was
    written last is gone, though it was synced.
    """

    kind: DiskKind = "full"
    delay_us: int = 0
    verb = "disk"

    def options(self) -> list[str]:
        return [f"--{self.kind}", *([duration_text(self.delay_us)] if self.delay_us else [])]


@dataclass(frozen=True, slots=True)
class Clock(OnNodes):
    """A clock that runs at `rate` (1 is right), or that jumps ahead by `jump_us`, once."""

    rate: float = 1.0
    jump_us: int = 0
    verb = "clock"

    def options(self) -> list[str]:
        if self.jump_us:
            return ["--jump", duration_text(self.jump_us)]
        return ["--rate", number_text(self.rate)]


@dataclass(frozen=True, slots=True)
class Partition:
    """A cut into groups, or in another shape; it replaces the partition before."""

    groups: tuple[str, ...] = ()
    halves: bool = False
    ring: bool = False
    bridge: str | None = None
    one_way: tuple[str, ...] = ()

    def __str__(self) -> str:
        shape = ["--halves"] * self.halves + ["--ring"] * self.ring
        shape += ["--bridge", self.bridge] if self.bridge is not None else []
        return _line("partition", *self.groups, *shape, *_repeated("--one-way", self.one_way))


@dataclass(frozen=True, slots=True)
class Net:
    """Links, `src:dst` of selectors, that are slow, lossy or strange."""

    links: tuple[str, ...]
    effects: LinkRule = NOTHING

    def __str__(self) -> str:
        return _line("net", *_repeated("--link", self.links), *option_words(self.effects))


@dataclass(frozen=True, slots=True)
class Heal:
    """The end of a fault before its time: its name, one link `n1:n2` of all, or `all`."""

    what: str = "all"

    def __str__(self) -> str:
        return _line("heal", *([] if self.what == "all" else [self.what]))


@dataclass(frozen=True, slots=True)
class Transfer:
    """Leadership goes to a node, or to the follower that is furthest."""

    target: str | None = None

    def __str__(self) -> str:
        return _line("transfer", *_given(self.target))


@dataclass(frozen=True, slots=True)
class SnapshotTake(OnNodes):
    """Without a selector, the leader takes it."""

    nodes: tuple[str, ...] = ()
    verb = "snapshot take"


@dataclass(frozen=True, slots=True)
class MembersAdd:
    """A new node, `node` or the next id that is free; a learner gets no vote."""

    node: int | None = None
    learner: bool = False
    priority: int = 100

    def __str__(self) -> str:
        options = ["--learner"] * self.learner
        options += [] if self.priority == 100 else ["--priority", str(self.priority)]
        return _line("members add", *_given(self.node, "n"), *options)


@dataclass(frozen=True, slots=True)
class MembersPromote(OnNodes):
    verb = "members promote"


@dataclass(frozen=True, slots=True)
class MembersDemote(OnNodes):
    verb = "members demote"


@dataclass(frozen=True, slots=True)
class MembersRemove(OnNodes):
    verb = "members remove"


@dataclass(frozen=True, slots=True)
class MembersReplace:
    """A new node, `new` or the next id that is free, in the place of one that a selector means."""

    old: str
    new: int | None = None

    def __str__(self) -> str:
        return _line("members replace", self.old, *_given(self.new, "n"))


Action = (
    Start
    | Stop
    | Kill
    | Restart
    | Pause
    | Resume
    | Wipe
    | Disk
    | Clock
    | Partition
    | Net
    | Heal
    | Transfer
    | SnapshotTake
    | MembersAdd
    | MembersPromote
    | MembersDemote
    | MembersRemove
    | MembersReplace
)


def ending(action: Action) -> Ending | None:
    """The verb that ends the fault; None for what is over at once, or for good.

    Exactly those that have one may last for a time (`for`).
    """
    match action:
        case Stop() | Kill():
            return "start"
        case Pause():
            return "resume"
        case Partition() | Net():
            return "heal"
        case Disk():
            return None if action.kind in ("stall", "rot", "truncate") else "heal"
        case Clock():
            return None if action.jump_us else "heal"
        case _:
            return None


def verb_of(action: Action) -> str:
    """partition, disk full, members add."""
    words = str(action).split()
    if isinstance(action, Disk):
        return f"disk {action.kind}"
    if isinstance(action, Clock):
        return "clock jump" if action.jump_us else "clock rate"
    return " ".join(words[:2]) if words[0] in ("members", "snapshot") else words[0]


def undo(action: Action, nodes: Iterable[int], fault: str) -> Action | None:
    """What ends the fault, for the nodes that it was done to; None where nothing does.

    `fault` is the name that `heal` knows it by: its own, or what the engine called it.
    """
    names = tuple(f"n{node_id}" for node_id in nodes)
    match ending(action):
        case "start":
            return Start(names)
        case "resume":
            return Resume(names)
        case "heal":
            return Heal(fault)
        case None:
            return None


def _line(verb: str, *words: str) -> str:
    return " ".join([verb, *map(shlex.quote, words)])


def _repeated(option: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _given(value: str | int | None, prefix: str = "") -> list[str]:
    return [] if value is None else [f"{prefix}{value}"]
