"""The pages that are one list: applied entries and members."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from tui import membership
from tui.drawing.applied import applied_lines, shown_of
from tui.drawing.detail import CHOSEN, member_lines
from tui.drawing.text import Line, number, window
from tui.keys import LIST_KEYS, MEMBER_KEYS, Key, bindings
from tui.screens.page import Page
from tui.widgets.panel import Panel


class AppliedPage(Page):
    """The entries that took effect, newest first. Scrolling stops the list from running away."""

    KEYS: ClassVar[Sequence[Key]] = LIST_KEYS
    BINDINGS: ClassVar[list[BindingType]] = bindings(LIST_KEYS)

    def body(self) -> Sequence[Widget]:
        self._end: int | None = None
        return [Panel(self._list, id="list", classes="framed rest")]

    def lay_out(self) -> None:
        panel = self.panel("list")
        follow = self.key_words(LIST_KEYS[-1:])
        state = "following" if self._end is None else f"from {number(self._end)}   {follow}"
        signs = "✓ when the first node did   +ms after it   · not yet"
        some = shown_of(self.moment, self.app.size.width - 2)
        panel.name_it(f"applied entries  {state}{some and f'   {some}'}", signs)

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

    def turn_wheel(self, rows: int) -> None:
        self.action_scroll_by(rows)

    def action_follow(self) -> None:
        self._end = None
        self.paint()


class MembersPage(Page):
    """Who belongs to the cluster, and the changes of that."""

    KEYS: ClassVar[Sequence[Key]] = MEMBER_KEYS
    BINDINGS: ClassVar[list[BindingType]] = bindings(MEMBER_KEYS)

    def body(self) -> Sequence[Widget]:
        self._top = 0
        """The first line below the heading that is shown."""
        return [Panel(self._list, id="list", classes="framed rest")]

    def lay_out(self) -> None:
        self.panel("list").name_it("members")

    def _list(self, width: int, height: int) -> list[Line]:
        """The chosen one is always among those that are shown; below the last one stands the
        quorum.
        """
        heading, *lines = member_lines(self.moment, width)
        room, ids = height - 1, self.moment.model.ids()
        at = next((y for y, line in enumerate(lines) if line and line[0][0].startswith(CHOSEN)), 0)
        is_last = bool(ids) and self.moment.chosen == ids[-1]
        at = len(lines) if is_last else at
        self._top = max(min(at - room // 2, len(lines) - room), 0)
        return [heading, *window(lines, self._top, width, room)]

    def action_add_member(self) -> None:
        self.viewer.consider(membership.add_member(self.viewer.live))

    def action_remove_member(self) -> None:
        if (view := self.viewer.target) is not None:
            self.viewer.consider(membership.remove_member(self.viewer.live, view))

    def action_promote_member(self) -> None:
        if (view := self.viewer.target) is not None:
            self.viewer.consider(membership.promote_or_demote(self.viewer.live, view))

    def on_panel_pressed(self, event: Panel.Pressed) -> None:
        lines = member_lines(self.moment, event.panel.content_size.width)
        y = event.y + self._top
        names = [line[1][0].strip() for line in lines[1 : y + 1] if len(line) > 2]
        if event.panel.id == "list" and event.y and y < len(lines) - 2 and names:
            self.viewer.action_choose_node(int(names[-1].removeprefix("n")))
