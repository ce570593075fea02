"""The page about one node: its state, its peers, its settings, and what its process wrote."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from tui import actions
from tui.drawing.detail import (
    CHOSEN,
    age_lines,
    dimmed,
    no_cluster,
    peer_lines,
    state_lines,
)
from tui.drawing.events import event_lines
from tui.drawing.settings import settings_lines
from tui.drawing.text import Line, last_rows, window
from tui.keys import NODE_KEYS, Key, bindings
from tui.nodes import NodeView
from tui.screens.page import NARROW_COLUMNS, Page
from tui.widgets.panel import Panel

LOOK_SECONDS = 1.0
STATE_ROWS = 18
EVENT_ROWS_MIN = 10
PEERS_COLUMNS_MIN = 76
"""With so many columns there is room for the peers beside the state."""
FRAME_COLUMNS = 6
"""Of a frame's width what its words cannot have."""
ROWS_MAX = 10_000
"""Of the output."""
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
        """So many rows of the output below what is shown."""
        self._top = 0
        """The first line of the state or the settings that is shown."""
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
        term = "" if view is None else f"  term {view.status.get('term', '–')}"
        is_state = self._tab == TABS[0]
        upper, events, tab = self._upper, self.panel("events"), self.panel("tab")
        upper.display, tab.display = is_state, not is_state
        events.display = is_state and self.app.size.height >= STATE_ROWS + EVENT_ROWS_MIN
        self.panel("peers").display = self._has_peers
        upper.set_class(events.display, "-short")
        sign = "[{}]{}" if self.app.size.width >= NARROW_COLUMNS else "{}{}"
        key_name = self.viewer.key_name
        tabs = " ".join(sign.format(key_name(f"tab.{each}"), each) for each in TABS)
        links = self.key_words(LINK_KEYS)
        keys = {"peers": LINK_KEYS, "stdout": OUTPUT_KEYS}.get(self._tab, [])
        self.panel("state").name_it(f"{name}  {words}{term}", tabs)
        self.panel("peers").name_it(f"peers as seen by {name}", links)
        events.name_it(f"what happened on {name}")
        title, below = f"{name}  {words}{term}  {self._tab}", f"{tabs}   {self.key_words(keys)}"
        if len(below) > self.app.size.width - FRAME_COLUMNS:
            title, below = f"{title}   {self.key_words(keys[-1:])}", tabs
        tab.name_it(title, below.rstrip())

    @property
    def _has_peers(self) -> bool:
        """Whether there is room for them beside the state."""
        return self._tab == TABS[0] and self.app.size.width >= PEERS_COLUMNS_MIN

    def _state(self, width: int, height: int) -> list[Line]:
        view = self.viewer.chosen_view
        nothing: list[Line] = [[], [("  ", ""), *no_cluster(self.moment)]]
        lines = nothing if view is None else state_lines(self.moment, view, width)
        return self._window(lines, width, height)

    def _window(self, lines: list[Line], width: int, height: int) -> list[Line]:
        self._top = min(self._top, max(len(lines) - height, 0))
        return window(lines, self._top, width, height)

    def _peers(self, width: int, height: int) -> list[Line]:
        """The chosen one is always among those that are shown."""
        view = self.viewer.chosen_view
        if view is None:
            return []
        # Beside the state that says so already.
        told = age_lines(self.moment, view, width) if self._tab != TABS[0] else []
        heading, *lines = peer_lines(self.moment, view, width, self._peer)
        room = height - 1 - len(told)
        at = next((y for y, line in enumerate(lines) if line[0][0].startswith(CHOSEN)), 0)
        top = max(min(at - room // 2, len(lines) - room), 0)
        return [*told, heading, *window(lines, top, width, room)]

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
        if view is None:
            return []
        lines = settings_lines(view, width)
        if told := age_lines(self.moment, view, width):
            lines = [*told, *map(dimmed, lines)]
        return self._window(lines, width, height)

    def _written(self, width: int, height: int) -> list[Line]:
        if self.viewer.film is not None:
            return [[("  a recording holds nothing of what its process wrote", "dim")]]
        lines = self._output
        if not lines:
            return [[("  reading ..." if lines is None else "  nothing was written", "dim")]]
        rows = last_rows(lines, width - 1, height + self._skip)
        end = max(len(rows) - self._skip, height)
        return [[(f" {row}", "")] for row in rows[max(end - height, 0) : end]]

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
        before, self._output = self._output, await self.viewer.output_of(view.node_id)
        if self._output != before:
            if self._skip and before and before[-1] in self._output:
                # Whoever reads what was written before goes on with that.
                self._skip += self._rows_of(self._output[self._output.index(before[-1]) + 1 :])
            self._scroll_output(0)

    def _rows_of(self, lines: Sequence[str]) -> int:
        return len(last_rows(lines, self.panel("tab").content_size.width - 1, ROWS_MAX))

    def _scroll_output(self, by: int) -> None:
        height = self.panel("tab").content_size.height
        most = max(self._rows_of(self._output or ()) - height, 0)
        self._skip = min(max(self._skip - by, 0), most)
        self.paint()

    def choose_anew(self) -> None:
        self._peer, self._output, self._skip, self._top = None, None, 0, 0
        self._wanted.set()

    def press_number(self, number: int) -> None:
        """Those that open no tab choose no node either: half of the digits would."""
        viewer = self.viewer
        first, last = (viewer.key_name(f"tab.{name}") for name in (TABS[0], TABS[-1]))
        following = viewer.key_name("select.next")
        viewer.notify(
            f"{first} to {last} are tabs here, {following} is the next node", markup=False
        )

    def action_tab(self, name: str) -> None:
        if name == "log":
            self.viewer.action_show("log")
            return
        self._tab, self._top = name, 0
        self._wanted.set()
        self.paint()

    def action_move(self, by: int) -> None:
        """Another peer; where there are none to choose from, by so many lines."""
        is_far = abs(by) > 1
        if self._tab == "stdout":
            self._scroll_output(by)
        elif self._tab == "peers" or (self._has_peers and not is_far):
            self._move_peer(by, is_far)
        else:
            self._top = max(self._top + by, 0)
            self.paint()

    def turn_wheel(self, rows: int) -> None:
        self.action_move(rows)

    def _move_peer(self, by: int, is_far: bool) -> None:
        view = self.viewer.chosen_view
        peers = [peer for peer in self.moment.model.ids() if view and peer != view.node_id]
        if peers:
            at = peers.index(self._peer) + by if self._peer in peers else 0
            self._peer = peers[min(max(at, 0), len(peers) - 1) if is_far else at % len(peers)]
            self.paint()

    def action_follow(self) -> None:
        self._skip = 0
        self.paint()

    def action_heal_link(self) -> None:
        view = self.viewer.chosen_view
        if self._peer is None:
            way = [self.viewer.key_name("peers.next")]
            if self._tab != "peers" and not self._has_peers:
                way.insert(0, self.viewer.key_name("tab.peers"))
            self.notify(f"choose a link first: {', then '.join(way)}", markup=False)
        elif view is not None:
            self.viewer.consider(actions.heal(f"{view.name}:n{self._peer}"))
