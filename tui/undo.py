"""What takes an action back, and what may have become of it by then. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import NamedTuple

from tui.drawing.moment import Moment

FAULT_NUMBER = re.compile(r"fault #(\d+)")
HEAL_WHAT_CAME = ("heal", "#")
"""The undo of a fault whose number only the command will say."""
ONE_WAY = "--one-way"


class Partition(NamedTuple):
    """A partition in force: its number, name, directed links, and end in Unix seconds."""

    fault: str
    name: str
    cut: frozenset[tuple[int, int]]
    until: float | None

    def arguments(self, ids: Collection[int]) -> tuple[str, ...]:
        """The line that makes it anew: by its sides, or link by link where it has none."""
        sides: list[set[int]] = []
        for node in ids:
            together = [
                each for each in sides if any((node, peer) not in self.cut for peer in each)
            ]
            sides = [side for side in sides if side not in together]
            sides.append({node}.union(*together))
        between = {(a, b) for side in sides for a in side for b in set(ids) - side}
        words: list[str] = []
        if len(sides) > 1 and between == self.cut:
            for side in sides:
                words += [*(["/"] if words else []), ",".join(map(str, sorted(side)))]
        else:
            for src, dst in sorted(self.cut):
                words += [ONE_WAY, f"{src}:{dst}"]
        return ("partition", *words, *(("--as", self.name) if self.name else ()))


@dataclass(frozen=True, slots=True)
class Undo:
    """`arguments` for raftctl. They may restore a partition; once that would have ended by itself,
    it is `later` that takes the action back. `fault`: the number of another fault that they put
    back. `then`: what is left to do behind it.
    """

    arguments: tuple[str, ...]
    restores: Partition | None = None
    later: tuple[str, ...] = ()
    fault: str = ""
    then: "Undo | None" = None

    @property
    def lines(self) -> int:
        """How many command lines it takes."""
        return 1 + (0 if self.then is None else self.then.lines)

    @property
    def put_back(self) -> str:
        """The number of the fault that it puts back; empty: none."""
        return self.fault if self.restores is None else self.restores.fault

    def after(self, printed: str) -> "Undo | None":
        """With the number of the fault that the action says it made; None: it says none."""
        if HEAL_WHAT_CAME not in (self.arguments, self.later):
            return self
        found = FAULT_NUMBER.search(printed)
        if found is None:
            return None
        heal = ("heal", found[1])
        if self.arguments == HEAL_WHAT_CAME:
            return Undo(heal)
        return replace(self, later=heal)

    def now(self, wall_s: float) -> tuple[str, ...]:
        """The arguments at that time (Unix seconds)."""
        if self.restores is None or self.restores.until is None:
            return self.arguments
        left = self.restores.until - wall_s
        return (*self.arguments, "--for", f"{left:.1f}s") if left >= 0.1 else self.later

    def renumbered(self, before: str, after: str) -> "Undo":
        """The same, when a fault was restored and has another number since."""
        old, new = ("heal", before), ("heal", after)
        return replace(
            self,
            arguments=new if self.arguments == old else self.arguments,
            later=new if self.later == old else self.later,
        )


def standing_partition(moment: Moment) -> Partition | None:
    """The partition that another one would replace, as far as live nodes tell."""
    for fault, rules in moment.model.faults(moment.now_ns).items():
        cut = [rule for rule in rules if rule.get("cut")]
        if not cut:
            continue
        links = frozenset((int(rule.get("src", 0)), int(rule.get("dst", 0))) for rule in cut)
        name, until = cut[0].get("name"), cut[0].get("expires_at")
        return Partition(
            str(fault),
            name if isinstance(name, str) else "",
            links,
            until if isinstance(until, int | float) else None,
        )
    return None
