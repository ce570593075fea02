"""The page about one node: its state, its peers, its settings, and what its process wrote."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from tui import actions
from tui.drawing.detail import peer_lines, state_lines
from tui.drawing.events import event_lines
from tui.drawing.settings import settings_lines
from tui.drawing.text import Line, printable
from tui.keys import NODE_KEYS, Key, bindings
from tui.nodes import NodeView
from tui.screens.page import NARROW_COLUMNS, Page
from tui.widgets.panel import Panel

LOOK_SECONDS = 1.0
STATE_ROWS = 18
EVENT_ROWS_MIN = 10
TABS = ("state", "log", "peers", "config", "stdout")
LINK_KEYS = [key for key in NODE_KEYS if key.id in ("peers.next", "fault.heal_link")]
OUTPUT_KEYS = [key for key in NODE_KEYS if key.id in ("peers.next", "peers.follow")]


class NodePage(Page):
    """The chosen node, by tabs. Enter mends the chosen link."""

    KEYS: ClassVar[Sequence[Key]] = NODE_KEYS
    BINDINGS: ClassVar[list[BindingType]] = bindings(NODE_KEYS)

    def body(self) -> Sequence[Widget]:
        self._tab = TABS[0]
        self._peer: int | None = None
        self._output: list[str] | None = None
        self._skip = 0
        """So many lines of the output below what is shown."""
        self._wanted = asyncio.Event()
        state = Panel(self._state, id="state", classes="framed rest")
        peers = Panel(self._peers, id="peers", classes="framed rest")
        events = Panel(self._events, id="events", classes="framed rest", still=True)
        tab = Panel(self._tab_lines, id="tab", classes="framed rest")
        self._upper = Horizontal(state, peers, id="upper")
        return [self._upper, events, tab]

    def on_mount(self) -> None:
        self.run_worker(self._keep_reading(), group="output", exclusive=True)

    def lay_out(self) -> None:
        view = self.viewer.chosen_view
        name = "no node" if view is None else view.name
        words = "" if view is None else "".join(text for text, _ in self.moment.title(view))
        term = "" if view is None else f"  term {view.number('term')}"
        is_state = self._tab == TABS[0]
        upper, events, tab = self._upper, self.panel("events"), self.panel("tab")
        upper.display, tab.display = is_state, not is_state
        events.display = is_state and self.app.size.height >= STATE_ROWS + EVENT_ROWS_MIN
        upper.set_class(events.display, "-short")
        sign = "[{}]{}" if self.app.size.width >= NARROW_COLUMNS else "{}{}"
        key_name = self.viewer.key_name
        tabs = " ".join(sign.format(key_name(f"tab.{each}"), each) for each in TABS)
        links = self.key_words(LINK_KEYS)
        keys = {"peers": f"   {links}", "stdout": f"   {self.key_words(OUTPUT_KEYS)}"}
        self.panel("state").name_it(f"{name}  {words}{term}", tabs)
        self.panel("peers").name_it(f"peers as seen by {name}", links)
        events.name_it(f"what happened on {name}")
        tab.name_it(f"{name}  {words}{term}  {self._tab}", tabs + keys.get(self._tab, ""))

    def _state(self, width: int, height: int) -> list[Line]:
        view = self.viewer.chosen_view
        return [] if view is None else state_lines(self.moment, view, width)

    def _peers(self, width: int, height: int) -> list[Line]:
        view = self.viewer.chosen_view
        return [] if view is None else peer_lines(self.moment, view, width, self._peer)

    def _events(self, width: int, height: int) -> list[Line]:
        return event_lines(self.moment, width, height, node=self.viewer.chosen)

    def _tab_lines(self, width: int, height: int) -> list[Line]:
        draw: Mapping[str, Callable[[int, int], list[Line]]] = {
            "peers": self._peers,
            "config": self._settings,
            "stdout": self._written,
        }
        return draw[self._tab](width, height)

    def _settings(self, width: int, height: int) -> list[Line]:
        view = self.viewer.chosen_view
        return [] if view is None else settings_lines(view, width)

    def _written(self, width: int, height: int) -> list[Line]:
        if self.viewer.film is not None:
            return [[("  a recording holds nothing of what its process wrote", "dim")]]
        lines = self._output
        if not lines:
            return [[("  reading ..." if lines is None else "  nothing was written", "dim")]]
        end = len(lines) - self._skip
        return [[(f" {printable(line)}", "")] for line in lines[max(end - height, 0) : end]]

    async def _keep_reading(self) -> None:
        """What the process writes, once a second while that is shown."""
        while True:
            view = self.viewer.chosen_view
            if self._tab == "stdout" and view is not None:
                await self._read(view)
            self._wanted.clear()
            try:
                async with asyncio.timeout(LOOK_SECONDS if self._tab == "stdout" else None):
                    await self._wanted.wait()
            except TimeoutError:
                pass

    async def _read(self, view: NodeView) -> None:
        before = self._output
        self._output = await self.viewer.output_of(view.node_id)
        if self._output != before:
            self._skip = min(self._skip, max(len(self._output) - 1, 0))
            self.paint()

    def choose_anew(self) -> None:
        self._peer, self._output, self._skip = None, None, 0
        self._wanted.set()

    def action_tab(self, name: str) -> None:
        if name == "log":
            self.viewer.action_show("log")
            return
        self._tab = name
        self._wanted.set()
        self.paint()

    def action_move(self, by: int) -> None:
        """Another peer; in the output, by so many lines."""
        if self._tab == "stdout":
            most = max(len(self._output or ()) - self.panel("tab").content_size.height, 0)
            self._skip = min(max(self._skip - by, 0), most)
            self.paint()
            return
        view = self.viewer.chosen_view
        peers = [peer for peer in self.moment.model.ids() if view and peer != view.node_id]
        if peers:
            at = peers.index(self._peer) + by if self._peer in peers else 0
            self._peer = peers[at % len(peers)]
            self.paint()

    def action_follow(self) -> None:
        self._skip = 0
        self.paint()

    def action_heal_link(self) -> None:
        view = self.viewer.chosen_view
        if self._peer is None:
            self.notify("choose a link first: ↓")
        elif view is not None:
            self.viewer.consider(actions.heal(f"{view.name}:n{self._peer}"))
