"""The editor of a partition: which node is on which side, and what that does to the quorum."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui import actions
from tui.actions import Action, Refusal
from tui.drawing.moment import Moment
from tui.drawing.text import Line
from tui.keys import PARTITION_KEYS, bindings
from tui.screens.page import key_words
from tui.widgets.panel import Panel

EDITOR_KEYS = (
    ("partition.other_side", "other side"),
    ("partition.isolate", "isolate"),
    ("partition.apply", "apply"),
    ("partition.leave", "leave"),
)


class PartitionEditor(ModalScreen[Action | None]):
    """The nodes in two sides; space moves one to the other side, and the quorum is told."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(PARTITION_KEYS)

    def __init__(self, moment: Callable[[], Moment], chosen: int | None) -> None:
        super().__init__()
        self._moment = moment
        ids = moment().model.ids()
        self._ids = ids
        self._at = ids.index(chosen) if chosen in ids else 0
        self._apart: set[int] = {ids[self._at]} if ids else set()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "partition"
            dialog.border_subtitle = key_words(self, *EDITOR_KEYS)
            panel = Panel(self._draw)
            panel.styles.height = len(self._ids) + 5
            yield panel

    def paint(self) -> None:
        for panel in self.query(Panel):
            panel.paint()

    @property
    def _sides(self) -> tuple[list[int], list[int]]:
        together = [node_id for node_id in self._ids if node_id not in self._apart]
        return together, sorted(self._apart)

    def _draw(self, width: int, height: int) -> list[Line]:
        moment = self._moment()
        lines: list[Line] = []
        for place, node_id in enumerate(self._ids):
            view = moment.model.nodes.get(node_id)
            if view is None:
                continue
            mark = ("▸ ", "chosen bold") if place == self._at else ("  ", "")
            name = (f"{view.name:<5}", "bold")
            gap = " " * 18
            side: Line = [(gap, ""), name] if node_id in self._apart else [name, (gap, "")]
            lines.append([mark, *side, ("    ", ""), *moment.title(view)])
        lines.append([])
        for side_ids in self._sides:
            quorum = actions.quorum_of(moment, actions.alive(moment) & set(side_ids))
            names = " ".join(f"n{node_id}" for node_id in side_ids) or "nobody"
            words = f"quorum {quorum.have}/{quorum.voters}" if quorum.is_there else str(quorum)
            style = "good" if quorum.is_there else "warn"
            lines.append([(f"  {names:<28}", ""), (words, style)])
        action = actions.partition(moment, self._sides)
        words = action.why if isinstance(action, Refusal) else ""
        if isinstance(action, Action):
            words = action.typed(moment.line)
        return [*lines, [], [(f"  {words}", "dim")]]

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
