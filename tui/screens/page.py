"""What all pages have: the head line, the line of the last command, and the keys."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast, runtime_checkable

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.events import MouseScrollDown, MouseScrollUp, Resize
from textual.geometry import Size
from textual.markup import escape
from textual.screen import Screen
from textual.widget import Widget

from tui.drawing.moment import Moment
from tui.drawing.overview import head_line
from tui.drawing.text import Line, both_ends, fill, fit, width_of
from tui.keys import KEYS, LABELS_THEN, Key
from tui.widgets.panel import Panel

if TYPE_CHECKING:
    from tui.app import RaftApp

COLUMNS_MIN = 60
NARROW_COLUMNS = 100
ROWS_MIN = 14
WHEEL_ROWS = 3
TALL_ROWS = 30
"""From so many rows on there are two for the keys."""


@runtime_checkable
class Painted(Protocol):
    """A screen over a page that shows the model too."""

    def paint(self) -> None: ...


def key_words(screen: Screen[Any], *pairs: tuple[str, str]) -> str:
    """The keys of what lies over a page, for its frame."""
    return escape(cast("RaftApp", screen.app).key_words(*pairs))


class Page(Screen[None]):
    """A full screen of panels, painted anew when the model changed."""

    KEYS: ClassVar[Sequence[Key]] = ()
    """Keys of this page alone; they stand first in its line of keys."""
    BINDINGS: ClassVar[list[BindingType]] = []
    AUTO_FOCUS = ""

    def __init__(self) -> None:
        super().__init__()
        self._panels: dict[str, Panel] = {}
        """Once there are any. Not looked for: a screen that goes has lost some of them already when
        a paint is due.
        """
        self._places: list[list[tuple[int, Key]]] = []
        """Where each key at the foot begins, line by line."""

    @property
    def viewer(self) -> "RaftApp":
        return cast("RaftApp", self.app)

    @property
    def moment(self) -> Moment:
        return self.viewer.moment

    def body(self) -> Sequence[Widget]:
        """The widgets between the head line and the foot."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield Panel(self._head, id="head")
        yield Vertical(*self.body(), classes="body")
        yield Panel(self._tiny, id="tiny", still=True)
        yield Panel(self._echo, id="echo", still=True)
        yield Panel(self._keys, id="keys", still=True)

    def on_mount(self) -> None:
        self._panels = {panel.id: panel for panel in self.query(Panel) if panel.id is not None}
        self._fit_to(self.app.size)
        self.paint()

    def paint(self) -> None:
        """Bring all panels up to date; nothing as long as there are none."""
        if self._panels:
            self.lay_out()
        for panel in self._panels.values():
            panel.paint()

    def paint_ages(self) -> None:
        """Bring up to date what time alone changes."""
        for panel in self._panels.values():
            if not panel.is_still:
                panel.paint()

    def repaint(self) -> None:
        """As `paint`, when the colours changed."""
        for panel in self._panels.values():
            panel.repaint()

    def lay_out(self) -> None:
        """Fit the heights and titles of the panels to what there is to show."""

    def choose_anew(self) -> None:
        """Another node was chosen."""

    def turn_wheel(self, rows: int) -> None:
        """The mouse asks for what stands so many rows further down."""

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        self.turn_wheel(WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        self.turn_wheel(-WHEEL_ROWS)

    def on_screen_resume(self) -> None:
        """Nothing lies over it any more."""
        self.viewer.tell_waiting()

    def on_resize(self, event: Resize) -> None:
        if self._panels:
            self._fit_to(event.size)
            self.lay_out()

    def _fit_to(self, size: Size) -> None:
        self.set_class(size.width < COLUMNS_MIN or size.height < ROWS_MIN, "-tiny")
        self.panel("keys").take_rows(2 if size.height >= TALL_ROWS else 1)

    def panel(self, name: str) -> Panel:
        return self._panels[name]

    def _head(self, width: int, height: int) -> list[Line]:
        return [head_line(self.moment, width)]

    def _tiny(self, width: int, height: int) -> list[Line]:
        size = self.app.size
        words = f" {size.width}x{size.height} is too small: {COLUMNS_MIN}x{ROWS_MIN} at least"
        leave = self.viewer.key_name("app.quit")
        return [[(words, "warn")], [(f" raftctl status needs less room; {leave} leaves", "dim")]]

    def _echo(self, width: int, height: int) -> list[Line]:
        """The command, and what came of it: where there is no room, a half of the line each, and
        the key that shows all of it.
        """
        echo = self.viewer.echo
        if width_of(echo) <= width:
            return [fill(echo, width)]
        end: Line = [(f" {self.viewer.key_name('view.last')} all ", "accent")]
        (command, style), *rest = echo
        left = width - width_of(end)
        room = max(left - width_of(rest), left // 2)
        shown = command if cell_len(command) <= room else fit(command, room)
        if width_of([(shown, style), *rest]) > left:
            rest = rest[:-1]  # how long it took goes before what came of it
        return [[*fill([(shown, style), *rest], left), *end]]

    def _keys(self, width: int, height: int) -> list[Line]:
        """As many keys as there is room for; those that lead to all others are always there."""
        always = {"app.palette", "app.help", "app.quit"}
        shown = [
            key
            for key in KEYS
            if key.shown and not self.viewer.is_hidden(key) and self.viewer.is_possible(key.id)
        ]
        last = [(key, self._key(key)) for key in shown if key.id in always]
        if width < NARROW_COLUMNS:
            last = [(key, words[:1]) for key, words in last]
        end = [span for _, words in last for span in words]
        lines: list[Line] = [[]]
        self._places = [[]]
        own = [key for key in self.KEYS if key.shown and not self.viewer.is_hidden(key)]
        taken = {name for key in own for name in self.viewer.key_names(key.id).split()}
        others = [key for key in shown if key.id not in always]
        for key in [*own, *(key for key in others if self.viewer.key_name(key.id) not in taken)]:
            words = self._key(key)
            is_last = len(lines) == height
            if width_of([*lines[-1], *words, *(end if is_last else [])]) > width:
                if is_last:
                    break
                lines.append([])
                self._places.append([])
            self._places[-1].append((width_of(lines[-1]), key))
            lines[-1] += words
        lines += [[]] * (height - len(lines))
        self._places += [[] for _ in range(height - len(self._places))]
        at = width - width_of(end)
        for key, words in last:
            self._places[-1].append((at, key))
            at += width_of(words)
        return [*lines[:-1], both_ends(lines[-1], end, width)]

    def on_panel_pressed(self, event: Panel.Pressed) -> None:
        """A click on a key at the foot does what the key does."""
        if event.panel.id == "echo" and self.viewer.echo:
            self.viewer.action_last_line()
        elif event.panel.id == "keys" and event.y < len(self._places):
            keys = [key for begin, key in self._places[event.y] if begin <= event.x]
            if keys:
                key = keys[-1]
                owner = self if key in self.KEYS else self.viewer
                self.call_later(self.viewer.run_action, key.action, owner)

    def press_number(self, number: int) -> None:
        """A digit chooses a node, but where it does something else."""
        self.viewer.action_choose_node(number)

    def key_words(self, keys: Sequence[Key]) -> str:
        """The keys of a panel, for its frame: those that are in force here."""
        shown = [key for key in keys if not self.viewer.is_hidden(key)]
        return self.viewer.key_words(*((key.id, key.label or key.about) for key in shown))

    def _key(self, key: Key) -> Line:
        name = self.viewer.key_name(key.id)
        return [(f" {name} ", "accent bold"), (f"{self._label(key)} ", "dim")]

    def _label(self, key: Key) -> str:
        """What the key does to the chosen node as it is now, also while the picture is held."""
        if key.id not in LABELS_THEN:
            return key.label
        condition, label = LABELS_THEN[key.id]
        live = self.viewer.live
        view = live.model.nodes.get(live.chosen or 0)
        return label if view is not None and live.condition(view) is condition else key.label
