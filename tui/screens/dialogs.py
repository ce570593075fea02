"""What lies over a page and only asks or tells: a question, what ran last, and the help."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.markup import escape
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.drawing.text import printable
from tui.keys import ASK_KEYS, HELP_KEYS, LAST_KEYS, PLACES, bindings
from tui.screens.page import NARROW_COLUMNS, key_words

if TYPE_CHECKING:
    from tui.acting import Last
    from tui.app import RaftApp

KEYS_WIDTH = 11
ABOUT_WIDTH = 42
"""Of what the keys do, where there is room for the ids below each other."""


class Ask(ModalScreen[bool]):
    """A question whose answer is No unless `y` is pressed."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(ASK_KEYS)

    def __init__(self, question: str, command: str) -> None:
        super().__init__()
        self._question = question
        self._command = command

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -ask") as dialog:
            dialog.border_title = "really?"
            dialog.border_subtitle = key_words(self, ("ask.yes", "yes"), ("ask.no", "no"))
            yield Static(self._question, markup=False)
            yield Static(self._command, classes="note", markup=False)

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)


class LastLine(ModalScreen[None]):
    """The command line that ran last, and all that it printed."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(LAST_KEYS)

    def __init__(self, last: "Last") -> None:
        super().__init__()
        self._last = last

    def compose(self) -> ComposeResult:
        command, outcome = self._last
        with Vertical(classes="dialog -wide") as dialog:
            dialog.border_title = "the last line"
            dialog.border_subtitle = key_words(self, ("last.copy", "copy"), ("last.leave", "back"))
            with VerticalScroll():
                yield Static(f"$ {printable(command)}", markup=False)
                printed, end = "", "it runs"
                if outcome is not None:
                    printed = f"{outcome.printed}{outcome.said}"
                    end = f"exit {outcome.code}, {outcome.seconds:.1f}s"
                lines = map(printable, printed.splitlines())
                yield Static("\n".join(lines), classes="said", markup=False)
                yield Static(end, classes="note", markup=False)

    def action_copy_line(self) -> None:
        self.app.copy_to_clipboard(self._last.command)
        self.query_one(".note", Static).update("copied")


class Help(ModalScreen[None]):
    """All keys, as they are bound now."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(HELP_KEYS)

    def __init__(self, viewer: "RaftApp") -> None:
        super().__init__()
        self._viewer = viewer

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide") as dialog:
            dialog.border_title = "keys"
            back = self._viewer.key_words(("help.leave", "back"))
            dialog.border_subtitle = escape(f"{back}   others: keys.toml beside raftctl.toml")
            with VerticalScroll():
                yield Static(Group(*self._groups()))

    def _groups(self) -> Iterable[RenderableType]:
        """Keys that belong together; what they do goes on in another line where it is narrow."""
        width = ABOUT_WIDTH if self.app.size.width >= NARROW_COLUMNS else 0
        gap = ""
        for place, keys in PLACES.items():
            group = ""
            for key in keys:
                if self._viewer.is_hidden(key):
                    continue
                head = f"{place}: keys of that place alone" if place else key.id.partition(".")[0]
                if head != group:
                    group = head
                    yield Text(f"{gap}{head}", "bold")
                    gap = "\n"
                about = Text.assemble(f"{key.about:<{width}}  ", (key.id, "dim"))
                yield _row(self._viewer.key_names(key.id), about)
        yield Text()
        yield _row("1-9", Text("choose the node, and so does a click on it"))
        line = self._viewer.line
        yield Text(f"\nEach action runs the line that is shown below: {line} ...", "dim")


def _row(keys: str, about: Text) -> Table:
    table = Table.grid(padding=(0, 2), pad_edge=True)
    table.add_column(width=KEYS_WIDTH)
    table.add_column()
    table.add_row(Text(keys, "bold"), about)
    return table
