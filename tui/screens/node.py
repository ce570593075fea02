"""The page of a node's log, alone or beside another one."""

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from node.client.errors import ClientError
from tui.drawing.diff import log_lines, verdict
from tui.drawing.text import Line
from tui.link import read_log
from tui.nodes import NodeView
from tui.screens.lists import SCROLL
from tui.screens.page import Page
from tui.widgets.panel import Panel

LOOK_SECONDS = 1.0
ENTRIES_MAX = 500
"""Entries that are asked for at a time; scrolling asks for others."""


class LogPage(Page):
    """A node's own log, committed or not; `d` puts the leader's, or another one's, beside it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *SCROLL,
        Binding("d", "toggle_diff", show=False),
    ]

    def __init__(self, diff: bool = False) -> None:
        super().__init__()
        self._diff = diff
        self._first: int | None = None
        self._documents: dict[int, dict[str, Any]] = {}
        self._failures: dict[int, str] = {}
        self._wanted = asyncio.Event()

    def body(self) -> Sequence[Widget]:
        return [Panel(self._list, id="list", classes="framed rest")]

    def on_mount(self) -> None:
        self.run_worker(self._keep_reading(), group="log", exclusive=True)

    @property
    def _other(self) -> NodeView | None:
        """Whose log stands beside that of the chosen node: the leader's, or the next node's."""
        view, moment = self.viewer.chosen_view, self.moment
        if not self._diff or view is None:
            return None
        leader = moment.leader
        if leader is not None and leader is not view:
            return leader
        others = [other for other in moment.model.nodes.values() if other is not view]
        return next((other for other in others if moment.is_live(other)), None)

    def lay_out(self) -> None:
        view, other = self.viewer.chosen_view, self._other
        panel = self.panel("list")
        if view is None:
            return
        beside = "" if other is None else f" | {other.name}"
        state = "following" if self._first is None else f"from {self._first:,}"
        keys = "d diff   ↑ ↓ scroll   f follow   1-9 node"
        panel.name_it(f"log {view.name}{beside}  {state}", keys)

    def _list(self, width: int, height: int) -> list[Line]:
        view, other = self.viewer.chosen_view, self._other
        if self.viewer.film is not None:
            words = "  a recording holds no logs: a shows the entries that took effect"
            return [[(words, "dim")]]
        if view is None:
            return []
        document = self._documents.get(view.node_id)
        if document is None:
            return [[(f"  {self._failures.get(view.node_id, 'reading ...')}", "dim")]]
        beside = None if other is None else self._documents.get(other.node_id)
        names = (view.name, "" if other is None else other.name)
        room = height - 1 - (beside is not None)
        if self._first is None:
            last = max(document["last_index"], beside["last_index"] if beside else 0)
            first = last - room + 2
        else:
            first = self._first
        lines = log_lines(document, beside, names, width, first)[: room + 1]
        if beside is not None:
            lines += [[]] * (room + 1 - len(lines)) + [verdict(document, beside, names)]
        return lines

    async def _keep_reading(self) -> None:
        """Ask the nodes that are shown once a second, and at once when something was pressed."""
        while True:
            address = self.viewer.address
            for view in (self.viewer.chosen_view, self._other):
                if address is None or view is None:
                    continue
                first = self._first
                if first is None:
                    first = max(view.number("last_index") - self.size.height - 20, 1)
                first = max(first, view.number("first_index"), 1)
                try:
                    document = await read_log(address, view.node_id, first, 0, ENTRIES_MAX)
                except ClientError as error:
                    self._failures[view.node_id] = error.message
                    self._documents.pop(view.node_id, None)
                else:
                    self._documents[view.node_id] = document
            self.paint()
            self._wanted.clear()
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wanted.wait()
            except TimeoutError:
                pass

    def choose_anew(self) -> None:
        """Read at once: it may be another part of the log as well."""
        self._wanted.set()

    def action_scroll_by(self, rows: int) -> None:
        view = self.viewer.chosen_view
        if view is None:
            return
        first, last = max(view.number("first_index"), 1), view.number("last_index")
        now = last - self.size.height + 8 if self._first is None else self._first
        self._first = min(max(now + rows, first), max(last, first))
        self.choose_anew()
        self.paint()

    def action_follow(self) -> None:
        self._first = None
        self.choose_anew()
        self.paint()

    def action_toggle_diff(self) -> None:
        self._diff = not self._diff
        self.choose_anew()
        self.paint()
