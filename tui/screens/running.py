"""What runs over a page, with what it prints: any command line, and load."""

import asyncio
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, RichLog

from tui import actions
from tui.actions import Action, Refusal
from tui.drawing.text import printable
from tui.keys import FORM_KEYS, bindings
from tui.screens.forms import Form
from tui.screens.page import key_words
from tui.typed import typed_action

if TYPE_CHECKING:
    from tui.app import RaftApp

OUTPUT_LINES_MAX = 2_000


async def run_into(
    app: "RaftApp", action: Action, log: RichLog, stop: asyncio.Event | None = None
) -> None:
    """Run a command line, and show what it prints in the log as it comes."""
    log.write(Text(f"$ {printable(action.typed(app.line))}", "bold"))

    def show(printed: str) -> None:
        for text in printed.splitlines():
            log.write(Text(printable(text)))

    outcome = await app.run_in_pane(action, show, stop)
    log.write(Text(f"exit {outcome.code}, {outcome.seconds:.1f}s", "dim"))


class Command(ModalScreen[None]):
    """Any command line, with what it prints. Escape ends it."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(FORM_KEYS)

    def __init__(self, begin: str, line: str) -> None:
        super().__init__()
        self._begin = begin
        self._line = line

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide") as dialog:
            dialog.border_title = self._line
            leave = key_words(self, ("form.leave", "leave, and end what runs"))
            dialog.border_subtitle = f"enter run   {leave}"
            yield Input(self._begin, placeholder="status -o wide", compact=True, max_length=4_096)
            yield RichLog(max_lines=OUTPUT_LINES_MAX, wrap=True, min_width=1)

    def on_mount(self) -> None:
        field = self.query_one(Input)
        field.cursor_position = len(field.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        log = self.query_one(RichLog)
        try:
            words = shlex.split(event.value)
        except ValueError as error:
            log.write(Text(f"{error}", "bold"))
            return
        if not words:
            return
        viewer = cast("RaftApp", self.app)

        def run(action: Action) -> None:
            self.run_worker(run_into(viewer, action, log), group="command", exclusive=True)

        viewer.ask_first(typed_action(viewer.live, words), run)

    def action_leave(self) -> None:
        self.dismiss(None)


BENCH_FIELDS = (
    ("duration", "10s", "10s"),
    ("in flight", "256", "requests at a time, over all clients"),
    ("value size", "100", "bytes"),
)


class Bench(Form):
    """Load on the cluster: its fields, how it goes, and what came of it. Escape ends it early, and
    what came until then is shown; then it leaves.
    """

    def __init__(self, line: str) -> None:
        super().__init__("bench", BENCH_FIELDS, _bench, line)
        self._stop: asyncio.Event | None = None

    def on_mount(self) -> None:
        super().on_mount()
        dialog = self.query_one(".dialog", Vertical)
        dialog.border_subtitle = f"enter begin   {key_words(self, ('form.leave', 'end it, leave'))}"
        dialog.mount(RichLog(max_lines=OUTPUT_LINES_MAX, wrap=True, min_width=1))

    def take(self, action: Action) -> None:
        if self._stop is None:
            self._stop = asyncio.Event()
            self.run_worker(self._run(action, self._stop), group="command", exclusive=True)

    async def _run(self, action: Action, stop: asyncio.Event) -> None:
        app, log = cast("RaftApp", self.app), self.query_one(RichLog)
        try:
            await run_into(app, action, log, stop)
        finally:
            self._stop = None

    def action_leave(self) -> None:
        if self._stop is None:
            self.dismiss(None)
        else:
            self._stop.set()


def _bench(values: Mapping[str, str]) -> Action | Refusal:
    return actions.bench(values["duration"], values["in flight"], values["value size"])
