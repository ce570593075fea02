"""The editor of a partition: which node is on which side, and what that does to the quorum."""

from collections.abc import Callable
from textwrap import wrap
from typing import ClassVar

from textual.binding import BindingType

from tui import actions
from tui.actions import Action, Refusal
from tui.drawing.moment import Moment
from tui.drawing.text import Line, fit
from tui.keys import PARTITION_KEYS, bindings
from tui.screens.choosing import Chooser

EDITOR_KEYS = (
    ("partition.other_side", "move"),
    ("partition.isolate", "isolate"),
    ("partition.apply", "apply"),
    ("partition.leave", "leave"),
)


class PartitionEditor(Chooser):
    """The nodes in two sides; space moves one to the other side, and the quorum is told."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(PARTITION_KEYS)
    HEADING = "partition"
    FOOT = EDITOR_KEYS

    def __init__(self, moment: Callable[[], Moment], chosen: int | None) -> None:
        super().__init__()
        self._moment = moment
        ids = moment().model.ids()
        self._ids = ids
        self._at = ids.index(chosen) if chosen in ids else 0
        self._apart: set[int] = {ids[self._at]} if ids else set()

    @property
    def _rows(self) -> int:
        return len(self._ids) + 2

    @property
    def _sides(self) -> tuple[list[int], list[int]]:
        together = [node_id for node_id in self._ids if node_id not in self._apart]
        return together, sorted(self._apart)

    def _draw(self, width: int, height: int) -> list[Line]:
        """The nodes, as many as there is room for, and below them what cannot be missed."""
        told = self._told(width)
        is_spacious = len(self._ids) + 2 + len(told) <= height
        room = max(height - len(told) - 2 * is_spacious, 1)
        top = min(max(self._at - room // 2, 0), max(len(self._ids) - room, 0))
        nodes = [self._node_line(place) for place in range(len(self._ids))[top : top + room]]
        gap: list[Line] = [[]] if is_spacious else []
        return [*nodes, *gap, *told[:2], *gap, *told[2:]]

    def _node_line(self, place: int) -> Line:
        moment, node_id = self._moment(), self._ids[place]
        view = moment.model.nodes.get(node_id)
        if view is None:
            return []
        mark = ("▸ ", "chosen bold") if place == self._at else ("  ", "")
        name = (f"{view.name:<5}", "bold")
        gap = " " * 18
        side: Line = [(gap, ""), name] if node_id in self._apart else [name, (gap, "")]
        return [mark, *side, ("    ", ""), *moment.title(view)]

    def _told(self, width: int) -> list[Line]:
        """What each side makes of the quorum, and the command line."""
        moment = self._moment()
        lines: list[Line] = []
        for side_ids in self._sides:
            side = actions.alive(moment) & set(side_ids)
            quorum = actions.quorum_of(moment, side, cut=())
            names = " ".join(f"n{node_id}" for node_id in side_ids) or "nobody"
            words = f"quorum {quorum.have}/{quorum.voters}" if quorum.is_there else str(quorum)
            style = "good" if quorum.is_there else "warn"
            room = width - 2 - len(words)
            lines.append([("  ", ""), (fit(names, min(room, 31)), ""), (words, style)])
        action = actions.partition(moment, self._sides)
        words = action.why if isinstance(action, Refusal) else action.typed(moment.line)
        return [*lines, *([(f"  {part}", "dim")] for part in wrap(words, max(width - 2, 1)))]

    def action_move(self, by: int) -> None:
        self._at = (self._at + by) % max(len(self._ids), 1)
        self.paint()

    def action_other_side(self) -> None:
        if self._ids:
            self._apart ^= {self._ids[self._at]}
        self.paint()

    def action_isolate(self) -> None:
        if self._ids:
            self._apart = {self._ids[self._at]}
        self.paint()

    def action_apply(self) -> None:
        action = actions.partition(self._moment(), self._sides)
        if isinstance(action, Action):
            self.dismiss(action)
