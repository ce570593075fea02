"""A dialog in which one of several is chosen, and that says below them what would be done."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Resize
from textual.screen import ModalScreen

from tui.actions import Action
from tui.drawing.text import Line
from tui.screens.page import key_words
from tui.widgets.panel import Panel


class Chooser(ModalScreen[Action | None]):
    """As high as what it shows, where the screen has room for that."""

    HEADING: ClassVar[str]
    FOOT: ClassVar[Sequence[tuple[str, str]]]
    """The keys that its lower edge names: their ids, and what they do."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            self._dialog = dialog
            dialog.border_title = self.HEADING
            dialog.border_subtitle = key_words(self, *self.FOOT)
            yield Panel(self._draw)

    def on_mount(self) -> None:
        self.paint()

    def on_resize(self, event: Resize) -> None:
        self.paint()

    def paint(self) -> None:
        for panel in self.query(Panel):
            width = panel.content_size.width
            rows = self._rows + len(self._told(width)) if width else 1
            panel.take_rows(min(rows, self.app.size.height - self._dialog.gutter.height))
            panel.paint()

    @property
    @abstractmethod
    def _rows(self) -> int:
        """Of what is chosen from."""

    @abstractmethod
    def _draw(self, width: int, height: int) -> list[Line]: ...

    @abstractmethod
    def _told(self, width: int) -> list[Line]:
        """What would be done with the choice, or why nothing can be."""
