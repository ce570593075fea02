"""The one widget of the viewer: lines that a function draws, of which it paints what changed."""

from collections.abc import Callable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.events import Click, Resize
from textual.geometry import Region
from textual.markup import escape
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.drawing.text import Line, printable
from tui.palette import ASCII, Colours

Draw = Callable[[int, int], Sequence[Line]]
"""Draws lines for a width and a height."""


class Panel(Widget):
    """A block of text. It keeps the lines that it showed last, and no widgets inside."""

    colours: Colours
    ascii_only = False

    class Pressed(Message):
        """A click on a cell of the text. `is_double`: the second one there in a row."""

        def __init__(self, panel: "Panel", x: int, y: int, is_double: bool) -> None:
            super().__init__()
            self.panel = panel
            self.x = x
            self.y = y
            self.is_double = is_double

    def __init__(
        self, draw: Draw, id: str | None = None, classes: str | None = None, still: bool = False
    ) -> None:
        """`still`: what it shows is the same for as long as nothing happens."""
        super().__init__(id=id, classes=classes)
        self.is_still = still
        self._draw = draw
        self._lines: list[Line] = []
        self._strips: list[Strip] = []
        self._named = ("", "")
        self._rows = 0
        self._base: Style | None = None

    def name_it(self, title: str, subtitle: str = "") -> None:
        """What stands in the frame. Setting it paints the whole widget: only when it is new."""
        if (title, subtitle) != self._named:
            self._named = (title, subtitle)
            self.border_title = escape(self._signs(printable(title)))
            self.border_subtitle = escape(self._signs(printable(subtitle)))

    def _signs(self, text: str) -> str:
        return text.translate(ASCII) if self.ascii_only else text

    def take_rows(self, rows: int) -> None:
        """How high it is; setting that lays out the page: only when it is new."""
        if rows != self._rows:
            self._rows = rows
            self.styles.height = rows

    def paint(self) -> None:
        """Draw anew, and show the lines that are other ones than before."""
        width, height = self.content_size
        if not self.display or width <= 0 or height <= 0:
            return
        lines = list(self._draw(width, height))[:height]
        for y in range(max(len(lines), len(self._lines))):
            line = lines[y] if y < len(lines) else []
            if y < len(self._lines) and self._lines[y] == line and len(self._strips) > y:
                continue
            strip = self._strip(line, width)
            if y < len(self._strips):
                self._strips[y] = strip
            else:
                self._strips.append(strip)
            self.refresh(Region(0, y, width, 1))
        self._lines = lines

    def repaint(self) -> None:
        """As `paint`, with nothing kept: the colours or the size are other ones."""
        self._lines, self._strips, self._base = [], [], None
        self.paint()
        self.refresh()

    def _strip(self, line: Line, width: int) -> Strip:
        style = self.colours.style
        segments = [Segment(self._signs(printable(text)), style(name)) for text, name in line]
        return Strip(segments).adjust_cell_length(width).apply_style(self._below)

    @property
    def _below(self) -> Style:
        """What stands behind the text. Textual works it out anew each time that it is asked."""
        if self._base is None:
            self._base = self.rich_style
        return self._base

    def render_line(self, y: int) -> Strip:
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.content_size.width, self._below)

    def on_resize(self, event: Resize) -> None:
        self.repaint()

    def on_click(self, event: Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None:
            self.post_message(self.Pressed(self, offset.x, offset.y, event.chain == 2))
