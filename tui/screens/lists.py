"""The pages that are one list: applied entries, events, members."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from tui import actions
from tui.drawing.applied import applied_lines
from tui.drawing.detail import member_lines
from tui.drawing.events import event_lines
from tui.drawing.text import Line, number
from tui.keys import MEMBER_KEYS, Key
from tui.screens.page import Page
from tui.widgets.panel import Panel

SCROLL: list[BindingType] = [
    Binding("down", "scroll_by(1)", show=False),
    Binding("up", "scroll_by(-1)", show=False),
    Binding("pagedown", "scroll_by(20)", show=False),
    Binding("pageup", "scroll_by(-20)", show=False),
    Binding("f", "follow", show=False),
]


class AppliedPage(Page):
    """The entries that took effect, newest first. Scrolling stops the list from running away."""

    BINDINGS: ClassVar[list[BindingType]] = SCROLL

    def body(self) -> Sequence[Widget]:
        self._end: int | None = None
        return [Panel(self._list, id="list", classes="framed rest")]

    def lay_out(self) -> None:
        panel = self.panel("list")
        state = "following" if self._end is None else f"from {number(self._end)}   f follow"
        signs = "✓ when the first node did   +ms after it   · not yet"
        panel.name_it(f"applied entries  {state}", signs)

    def _list(self, width: int, height: int) -> list[Line]:
        return applied_lines(self.moment, width, height, self._end)

    def action_scroll_by(self, rows: int) -> None:
        entries = self.moment.model.entries.newest(2_048)
        if not entries:
            return
        end = entries[0].index if self._end is None else self._end
        at = sum(entry.index > end for entry in entries)
        at = min(max(at + rows, 0), len(entries) - 1)
        self._end = entries[at].index if at else None
        self.paint()

    def action_follow(self) -> None:
        self._end = None
        self.paint()


class EventsPage(Page):
    """All events, newest first."""

    BINDINGS: ClassVar[list[BindingType]] = SCROLL

    def body(self) -> Sequence[Widget]:
        self._skip = 0
        return [Panel(self._list, id="list", classes="framed rest")]

    def lay_out(self) -> None:
        panel = self.panel("list")
        pattern = self.moment.pattern
        words = f"   filter: {pattern}" if pattern else ""
        kept = number(len(self.moment.model.timeline))
        panel.name_it(f"events  {kept} kept{words}", "/ filter   ↑ ↓ scroll   f newest")

    def _list(self, width: int, height: int) -> list[Line]:
        return event_lines(self.moment, width, height, self._skip)

    def action_scroll_by(self, rows: int) -> None:
        self._skip = min(max(self._skip + rows, 0), len(self.moment.model.timeline))
        self.paint()

    def action_follow(self) -> None:
        self._skip = 0
        self.paint()


class MembersPage(Page):
    """Who belongs to the cluster, and the changes of that."""

    KEYS: ClassVar[Sequence[Key]] = MEMBER_KEYS
    BINDINGS: ClassVar[list[BindingType]] = [key.binding for key in MEMBER_KEYS]

    def body(self) -> Sequence[Widget]:
        return [Panel(self._list, id="list", classes="framed rest")]

    def lay_out(self) -> None:
        self.panel("list").name_it("members")

    def _list(self, width: int, height: int) -> list[Line]:
        return member_lines(self.moment, width)

    def action_add_member(self) -> None:
        self.viewer.consider(actions.add_member())

    def action_remove_member(self) -> None:
        if (view := self.viewer.target) is not None:
            self.viewer.consider(actions.remove_member(self.viewer.live, view))

    def action_promote_member(self) -> None:
        if (view := self.viewer.target) is not None:
            self.viewer.consider(actions.promote_or_demote(self.viewer.live, view))

    def on_panel_pressed(self, event: Panel.Pressed) -> None:
        ids = self.moment.model.ids()
        if event.panel.id == "list" and 1 <= event.y <= len(ids):
            self.viewer.action_choose_node(ids[event.y - 1])
