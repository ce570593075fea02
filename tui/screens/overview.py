"""The page that opens first: every node, the ends of the logs, the links, and what happened."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Horizontal
from textual.css.scalar import Scalar
from textual.widget import Widget

from tui.drawing.digest import digest, digest_lines
from tui.drawing.events import link_matrix
from tui.drawing.faults import fault_lines
from tui.drawing.film import Lanes, rows_of, title
from tui.drawing.layout import (
    CARDS_COLUMNS_MIN,
    FRAME_ROWS,
    Layout,
    grid_rows,
    layout_of,
    rows_for_grid,
)
from tui.drawing.loggrid import log_grid
from tui.drawing.overview import CARD_HEIGHT, cards, cards_in_a_row, node_rows
from tui.drawing.text import Line, window
from tui.keys import KEYS, OVERVIEW_KEYS, Key, bindings
from tui.screens.events import EventsPage
from tui.screens.page import Page
from tui.widgets.panel import Panel

FRAME_COLUMNS = 6
"""Of a frame's width what its words cannot have."""


class Overview(Page):
    """The layout follows the size: cards become rows, and the log grid goes where it is tight."""

    KEYS: ClassVar[Sequence[Key]] = OVERVIEW_KEYS
    BINDINGS: ClassVar[list[BindingType]] = bindings(OVERVIEW_KEYS)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Its key is another one's where nothing is played back."""
        return action != "clip" or self.viewer.film is not None

    def action_clip(self) -> None:
        self.viewer.action_clip()

    def body(self) -> Sequence[Widget]:
        self._lanes: Lanes | None = None
        self._top = 0
        """The first node of the table that is shown."""
        grid = Panel(self._grid, id="grid", classes="framed", still=True)
        links = Panel(self._links, id="links", classes="framed rest")
        events = Panel(self._events, id="events", classes="framed rest", still=True)
        film = Panel(self._film, id="film", classes="framed")
        self._below = Horizontal(links, events, id="below")
        return [Panel(self._node_lines, id="nodes"), grid, self._below, film]

    @property
    def _film_rows(self) -> int:
        film = self.viewer.film
        return 0 if film is None else rows_of(film) + FRAME_ROWS

    @property
    def _has_cards(self) -> bool:
        return self._layout.has_cards

    @property
    def _layout(self) -> Layout:
        return layout_of(len(self.moment.model.nodes), self._film_rows, *self.app.size)

    def lay_out(self) -> None:
        count, layout = len(self.moment.model.nodes), self._layout
        width, film = self.app.size.width, self.viewer.film
        self.panel("nodes").take_rows(layout.rows)
        self.panel("film").display = film is not None
        if film is not None:
            room = width - FRAME_COLUMNS
            self.panel("film").take_rows(layout.film_rows)
            self.panel("film").name_it(title(film, room), self._film_keys(room))
        self._below.display = layout.has_rest
        grid = self.panel("grid")
        grid.display = layout.has_grid
        grid.take_rows(grid_rows(count))
        grid.name_it("log", "7 committed  (7) not yet  ● match  ↑ next")
        links = self.panel("links")
        links.display = bool(count) and width >= CARDS_COLUMNS_MIN
        if links.styles.width != (links_width := Scalar.from_number(max(3 * count + 9, 28))):
            links.styles.width = links_width
        links.name_it("links  row → column", "✗cut ~slow –down ?mute")
        pattern = self.moment.pattern
        where = "" if layout.has_grid or not count else self._where_logs_are()
        self.panel("events").name_it(f"events  filter: {pattern}" if pattern else "events", where)

    def _where_logs_are(self) -> str:
        """What to do where there is no room for their ends."""
        key = self.viewer.key_name("view.log")
        rows = rows_for_grid(len(self.moment.model.nodes), self._film_rows, self.app.size.width)
        return (
            f"logs: {key}" if rows is None else f"ends of the logs: from {rows} rows on, or {key}"
        )

    def _node_lines(self, width: int, height: int) -> list[Line]:
        moment = self.moment
        if not moment.model.nodes:
            return self._welcome()
        if self._has_cards:
            return cards(moment, width)
        heading, *lines = node_rows(moment, width)
        ids, room = moment.model.ids(), height - 1
        at = ids.index(moment.chosen) if moment.chosen in ids else 0
        self._top = max(min(at - room // 2, len(lines) - room), 0)
        return [heading, *window(lines, self._top, width, room)]

    def _welcome(self) -> list[Line]:
        viewer, quit_key = self.viewer, self.viewer.key_name("app.quit")
        leave: Line = [(" To leave: ", "dim"), (quit_key, "accent bold")]
        if viewer.unclear:
            return [[], [(f"  {viewer.unclear}", "bold")], [], [(" ", ""), *leave]]
        name = viewer.cluster_name
        none = f"There is no cluster {name} here." if name else "There is no cluster here yet."
        appears = "and it appears here." if name else "and it appears here, whatever its name."
        return [
            [],
            [(f"  {none} ", "bold"), ("In another terminal, type", "")],
            [],
            [(f"      {viewer.line} up -n 5", "accent bold")],
            [],
            [(f"  {appears}", "dim"), *leave],
        ]

    def _grid(self, width: int, height: int) -> list[Line]:
        return log_grid(self.moment, width)

    def _links(self, width: int, height: int) -> list[Line]:
        moment = self.moment
        faults = fault_lines(moment, width)
        return [*link_matrix(moment, width), *([[]] if faults else []), *faults]

    def _events(self, width: int, height: int) -> list[Line]:
        return digest_lines(self.moment, width, height)

    def _film(self, width: int, height: int) -> list[Line]:
        film = self.viewer.film
        if film is None:
            return []
        if self._lanes is None or self._lanes.film is not film or not self._lanes.fit(width):
            self._lanes = Lanes(film, width)
        *lanes, cursor = self._lanes.lines()
        return [*lanes[: height - 1], cursor]

    def _film_keys(self, width: int) -> str:
        """The keys of the bar, as they are bound now: as many as there is room for."""
        names = {key.id: self.viewer.key_name(key.id) for key in (*KEYS, *OVERVIEW_KEYS)}
        pairs = [("mark_back", "mark", "election, fault"), ("event_back", "event", "event")]
        pairs += [("frame_back", "frame", "frame"), ("slower", "faster", "speed")]
        words = [f"{names['view.freeze']} play"]
        words += [
            f"{names[f'replay.{back}']} {names[f'replay.{on}']} {what}" for back, on, what in pairs
        ]
        words += [f"{names['replay.bookmark']} mark"]
        words += [f"{names['replay.clip']} clip"]
        words += [f"{names['replay.live']} live"] if self.viewer.is_there else []
        while len("  ".join(words)) > width:
            words.pop()
        return "  ".join(words)

    def on_panel_pressed(self, event: Panel.Pressed) -> None:
        """A click chooses a node, a double one opens it; in the bar of a replay it goes to that
        moment, and so does one on an event there.
        """
        ids = self.moment.model.ids()
        place = None
        if event.panel.id == "nodes" and self._has_cards:
            columns = cards_in_a_row(len(ids), self.app.size.width)
            column = event.x * columns // max(event.panel.size.width, 1)
            place = event.y // CARD_HEIGHT * columns + column
        elif event.panel.id in ("nodes", "grid", "links"):
            place = event.y - 1 + (self._top if event.panel.id == "nodes" else 0)
        elif event.panel.id == "film" and self._lanes is not None:
            self.viewer.seek_to(self._lanes.moment_of(event.x))
        elif event.panel.id == "events":
            self._press_event(event.y)
        if place is not None and 0 <= place < len(ids):
            self.viewer.action_choose_node(ids[place])
            if event.is_double:
                self.viewer.action_detail()

    def _press_event(self, row: int) -> None:
        """To its time; live, where it stands among all others, from where a key leads to that."""
        found = digest(self.moment, row + 1)
        if row < len(found):
            event = found[row].event
            if self.viewer.film is not None:
                self.viewer.go_to(event)
            else:
                self.viewer.open_page(EventsPage(event))
