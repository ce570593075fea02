"""The page of events: all that is kept, with a cursor."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from tui.drawing.events import chosen_lines, event_line, event_lines, gathered, place_of
from tui.drawing.text import Line, number
from tui.keys import EVENT_KEYS, KEYS, LIST_KEYS, Key, bindings
from tui.screens.page import Page
from tui.timeline import Occurrence
from tui.widgets.panel import Panel


class EventsPage(Page):
    """All events, newest first. A cursor stands on one of them, which is shown whole, and stays on
    it when others come; enter goes to its time.
    """

    KEYS: ClassVar[Sequence[Key]] = (*EVENT_KEYS, *LIST_KEYS)
    BINDINGS: ClassVar[list[BindingType]] = bindings(KEYS)

    def __init__(self, chosen: Occurrence | None = None) -> None:
        super().__init__()
        self._chosen = chosen
        self._row = 0
        """Where the chosen one is shown."""
        self._rows = 1
        """So many it takes."""

    def body(self) -> Sequence[Widget]:
        return [Panel(self._list, id="list", classes="framed rest")]

    def lay_out(self) -> None:
        panel = self.panel("list")
        pattern = self.moment.pattern
        words = f"   filter: {pattern}" if pattern else ""
        kept = number(len(self.moment.model.timeline))
        keys = [key for key in (*KEYS, *LIST_KEYS) if key.id in ("view.filter", "list.follow")]
        panel.name_it(f"events  {kept} kept{words}", self.key_words((*EVENT_KEYS, *keys)))

    def _list(self, width: int, height: int) -> list[Line]:
        if self._chosen is None:
            return event_lines(self.moment, width, height)
        found = gathered(self.moment, height, behind=self._chosen)
        if not found:
            return event_lines(self.moment, width, height)
        ids = self.moment.model.ids()
        at = place_of(found, self._chosen)
        chosen = chosen_lines(found[at], ids, width)[:height]
        self._rows = len(chosen)
        self._row = min(self._row, height - self._rows, at)
        before = [event_line(row, ids, width) for row in found[at - self._row : at]]
        return [*before, *chosen, *(event_line(row, ids, width) for row in found[at + 1 :])]

    def action_scroll_by(self, rows: int) -> None:
        found = gathered(self.moment, max(rows, 0) + 1, behind=self._chosen)
        if not found:
            return
        before = -1 if self._chosen is None else place_of(found, self._chosen)
        at = min(max(before + rows, 0), len(found) - 1)
        self._chosen = found[at].event
        height = self.panel("list").content_size.height
        self._row = min(max(self._row + at - max(before, 0), 0), max(height - 1, 0))
        self.paint()

    def turn_wheel(self, rows: int) -> None:
        self.action_scroll_by(rows)

    def on_panel_pressed(self, event: Panel.Pressed) -> None:
        if event.panel.id != "list":
            return
        found = gathered(self.moment, event.y + 1, behind=self._chosen)
        at = event.y
        if self._chosen is not None:
            # The rows in which the chosen one goes on are its own.
            below = min(max(event.y - self._row, 0), self._rows - 1)
            at = place_of(found, self._chosen) - self._row + event.y - below
        if 0 <= at < len(found):
            self._chosen, self._row = found[at].event, event.y
            self.paint()
            if event.is_double:
                self.action_jump()

    def action_follow(self) -> None:
        self._chosen, self._row = None, 0
        self.paint()

    def action_jump(self) -> None:
        if self._chosen is None:
            self.action_scroll_by(1)
        if self._chosen is not None:
            self.viewer.go_to(self._chosen)
