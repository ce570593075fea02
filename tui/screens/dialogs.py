"""What lies over a page and only asks or tells: a question, and the help."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.markup import escape
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.keys import ASK_KEYS, HELP_KEYS, PLACES, bindings
from tui.screens.page import key_words

if TYPE_CHECKING:
    from tui.app import RaftApp


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
            dialog.border_subtitle = escape(f"{back}   other keys: keys.toml beside raftctl.toml")
            with VerticalScroll():
                yield Static(Text("\n").join(self._lines()), classes="keys")

    def _lines(self) -> Iterable[Text]:
        for place, keys in PLACES.items():
            group = ""
            for key in keys:
                if self._viewer.is_hidden(key):
                    continue
                head = f"{place}: keys of that place alone" if place else key.id.partition(".")[0]
                if head != group:
                    group = head
                    yield Text(f"\n{head}", "bold")
                name = self._viewer.key_names(key.id)
                yield Text.assemble((f"  {name:<11}", "bold"), f"{key.about:<43} ", (key.id, "dim"))
        yield Text("\n  1-9        choose the node, and so does a click on it")
        line = self._viewer.line
        yield Text(f"  Each action runs the line that is shown below: {line} ...", "dim")
