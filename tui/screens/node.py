"""The page about one node from close by."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from tui import actions
from tui.drawing.detail import peer_lines, state_lines
from tui.drawing.events import event_lines
from tui.drawing.text import Line
from tui.keys import NODE_KEYS, Key, bindings
from tui.screens.page import Page
from tui.widgets.panel import Panel

STATE_ROWS = 18
EVENT_ROWS_MIN = 10


class NodePage(Page):
    """The chosen node's state, and its peers as it sees them. Enter mends the chosen link."""

    KEYS: ClassVar[Sequence[Key]] = NODE_KEYS
    BINDINGS: ClassVar[list[BindingType]] = bindings(NODE_KEYS)

    def body(self) -> Sequence[Widget]:
        self._peer: int | None = None
        state = Panel(self._state, id="state", classes="framed rest")
        peers = Panel(self._peers, id="peers", classes="framed rest")
        events = Panel(self._events, id="events", classes="framed rest")
        self._upper = Horizontal(state, peers, id="upper")
        return [self._upper, events]

    def lay_out(self) -> None:
        view = self.viewer.chosen_view
        name = "no node" if view is None else view.name
        title = "" if view is None else "".join(text for text, _ in self.moment.title(view))
        self.panel("state").name_it(f"{name}  {title}")
        events = self.panel("events")
        events.display = self.app.size.height >= STATE_ROWS + EVENT_ROWS_MIN
        self._upper.set_class(events.display, "-short")
        events.name_it(f"what happened on {name}")
        self.panel("peers").name_it(f"peers as seen by {name}", self.key_words(NODE_KEYS))

    def _state(self, width: int, height: int) -> list[Line]:
        view = self.viewer.chosen_view
        return [] if view is None else state_lines(self.moment, view, width)

    def _peers(self, width: int, height: int) -> list[Line]:
        view = self.viewer.chosen_view
        return [] if view is None else peer_lines(self.moment, view, width, self._peer)

    def _events(self, width: int, height: int) -> list[Line]:
        return event_lines(self.moment, width, height, node=self.viewer.chosen)

    def action_peer(self, by: int) -> None:
        view = self.viewer.chosen_view
        peers = [peer for peer in self.moment.model.ids() if view and peer != view.node_id]
        if peers:
            at = peers.index(self._peer) + by if self._peer in peers else 0
            self._peer = peers[at % len(peers)]
            self.paint()

    def action_heal_link(self) -> None:
        view = self.viewer.chosen_view
        if view is not None and self._peer is not None:
            self.viewer.consider(actions.heal(f"{view.name}:n{self._peer}"))
