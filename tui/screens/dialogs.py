"""What lies over a page: questions, forms, the help, and any command line."""

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, RichLog, Static

from tui import actions
from tui.actions import Action, Refusal
from tui.drawing.moment import Moment
from tui.drawing.text import Line, printable
from tui.keys import KEYS, MEMBER_KEYS
from tui.runner import as_typed
from tui.widgets.panel import Panel

if TYPE_CHECKING:
    from tui.app import RaftApp

OUTPUT_LINES_MAX = 2_000
FIELD_MAX = 4_096
"""Characters in a field of a form."""


class Ask(ModalScreen[bool]):
    """A question whose answer is No unless `y` is pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,Y", "answer(True)", show=False),
        Binding("n,N,escape,enter,q,space", "answer(False)", show=False),
    ]

    def __init__(self, question: str, command: str) -> None:
        super().__init__()
        self._question = question
        self._command = command

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -ask") as dialog:
            dialog.border_title = "really?"
            dialog.border_subtitle = "y yes   any other: no"
            yield Static(self._question, markup=False)
            yield Static(self._command, classes="note", markup=False)

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)


class Form(ModalScreen[Action | None]):
    """Fields, and the action that they make. Enter in any of them applies, escape leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(
        self,
        title: str,
        fields: Sequence[tuple[str, str, str]],
        make: Callable[[Mapping[str, str]], Action | Refusal],
        line: str,
    ) -> None:
        """`fields`: label, first value, hint. `make` gets the values by label."""
        super().__init__()
        self._title = title
        self._fields = fields
        self._make = make
        self._line = line

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            dialog.border_subtitle = "enter apply   ↑ ↓ field   esc leave"
            for label, value, hint in self._fields:
                with Horizontal(classes="row"):
                    yield Label(label)
                    yield Input(value, placeholder=hint, compact=True, max_length=FIELD_MAX)
            yield Static("", classes="note", markup=False)

    def on_mount(self) -> None:
        self._show()

    def _action(self) -> Action | Refusal:
        values = [field.value for field in self.query(Input)]
        labels = [label for label, _, _ in self._fields]
        return self._make(dict(zip(labels, values, strict=True)))

    def _show(self) -> None:
        action = self._action()
        words = (
            action.why if isinstance(action, Refusal) else as_typed(self._line, action.arguments)
        )
        self.query_one(".note", Static).update(words)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        action = self._action()
        if isinstance(action, Action):
            self.dismiss(action)


NET_FIELDS = (
    ("latency", "--latency", "100ms or 100ms+-20ms"),
    ("drop", "--drop", "10%"),
    ("duplicate", "--dup", "2%"),
    ("reorder", "--reorder", "5%"),
    ("corrupt", "--corrupt", "1%"),
    ("rate", "--rate", "64kB/s"),
    ("for", "--for", "10s; empty: until it is healed"),
)


def net_form(link: str, line: str) -> Form:
    """What to do to a link."""

    def make(values: Mapping[str, str]) -> Action | Refusal:
        chosen = [(option, values[label]) for label, option, _ in NET_FIELDS]
        if not any(value.strip() for option, value in chosen if option != "--for"):
            return Refusal("give a latency, a share that is lost, ...")
        return actions.net(values["link"], chosen)

    fields = [("link", link, "n1:n2, leader:rest")]
    fields += [(label, "", hint) for label, _, hint in NET_FIELDS]
    return Form("make a link slow or lossy", fields, make, line)


def put_form(line: str) -> Form:
    """A key and its value."""
    fields = [("key", "", "k1"), ("value", "", "anything")]
    return Form("put", fields, lambda values: actions.put(values["key"], values["value"]), line)


class PartitionEditor(ModalScreen[Action | None]):
    """The nodes in two sides; space moves one to the other side, and the quorum is told."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("space", "other_side", show=False),
        Binding("i", "isolate", show=False),
        Binding("enter", "apply", show=False),
    ]

    def __init__(self, moment: Callable[[], Moment], chosen: int | None) -> None:
        super().__init__()
        self._moment = moment
        ids = moment().model.ids()
        self._ids = ids
        self._at = ids.index(chosen) if chosen in ids else 0
        self._apart: set[int] = {ids[self._at]} if ids else set()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "partition"
            dialog.border_subtitle = "space other side   i isolate   enter apply   esc leave"
            panel = Panel(self._draw)
            panel.styles.height = len(self._ids) + 5
            yield panel

    def paint(self) -> None:
        for panel in self.query(Panel):
            panel.paint()

    @property
    def _sides(self) -> tuple[list[int], list[int]]:
        together = [node_id for node_id in self._ids if node_id not in self._apart]
        return together, sorted(self._apart)

    def _draw(self, width: int, height: int) -> list[Line]:
        moment = self._moment()
        lines: list[Line] = []
        for place, node_id in enumerate(self._ids):
            view = moment.model.nodes.get(node_id)
            if view is None:
                continue
            mark = ("▸ ", "chosen bold") if place == self._at else ("  ", "")
            name = (f"{view.name:<5}", "bold")
            gap = " " * 18
            side: Line = [(gap, ""), name] if node_id in self._apart else [name, (gap, "")]
            lines.append([mark, *side, ("    ", ""), *moment.title(view)])
        lines.append([])
        for side_ids in self._sides:
            quorum = actions.quorum_of(moment, actions.alive(moment) & set(side_ids))
            names = " ".join(f"n{node_id}" for node_id in side_ids) or "nobody"
            words = f"quorum {quorum.have}/{quorum.voters}" if quorum.is_there else str(quorum)
            style = "good" if quorum.is_there else "warn"
            lines.append([(f"  {names:<28}", ""), (words, style)])
        action = actions.partition(moment, self._sides)
        words = action.why if isinstance(action, Refusal) else ""
        if isinstance(action, Action):
            words = as_typed(moment.line, action.arguments)
        return [*lines, [], [(f"  {words}", "dim")]]

    def action_move(self, by: int) -> None:
        self._at = (self._at + by) % max(len(self._ids), 1)
        self.paint()

    def action_other_side(self) -> None:
        if self._ids:
            self._apart ^= {self._ids[self._at]}
        self.paint()

    def action_isolate(self) -> None:
        if self._ids:
            self._apart = {self._ids[self._at]}
        self.paint()

    def action_apply(self) -> None:
        action = actions.partition(self._moment(), self._sides)
        if isinstance(action, Action):
            self.dismiss(action)


class Filter(ModalScreen[str | None]):
    """Which events to show."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", show=False)]

    def __init__(self, pattern: str) -> None:
        super().__init__()
        self._pattern = pattern

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "only events with"
            dialog.border_subtitle = "enter apply   empty: all   esc leave"
            yield Input(self._pattern, placeholder="leader|fault|n3", compact=True, max_length=200)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())


class Help(ModalScreen[None]):
    """All keys, as they are bound now."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss(None)", show=False)
    ]

    def __init__(self, name_of: Callable[[str, str], str], line: str) -> None:
        """`name_of`: the keys of a binding, by its id and what it has by itself."""
        super().__init__()
        self._name_of = name_of
        self._line = line

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide") as dialog:
            dialog.border_title = "keys"
            dialog.border_subtitle = "esc back   other keys: keys.toml beside raftctl.toml"
            with VerticalScroll():
                yield Static(Text("\n").join(self._lines()))

    def _lines(self) -> Iterable[Text]:
        group = ""
        for key in (*KEYS, *MEMBER_KEYS):
            if (head := key.id.partition(".")[0]) != group:
                group = head
                yield Text(f"\n{head}", "bold")
            name = self._name_of(key.id, key.keys)
            yield Text.assemble((f"  {name:<14}", "bold"), f"{key.about:<48}", (key.id, "dim"))
        yield Text("\n  1-9           choose the node, and so does a click on it")
        yield Text("  1-5           on the page of a node: its tabs")
        yield Text(f"  Each action runs the line that is shown below: {self._line} ...", "dim")


class Command(ModalScreen[None]):
    """Any command line, with what it prints. Escape ends it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", show=False)]

    def __init__(self, begin: str, line: str) -> None:
        super().__init__()
        self._begin = begin
        self._line = line

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide") as dialog:
            dialog.border_title = self._line
            dialog.border_subtitle = "enter run   esc leave, and end what runs"
            yield Input(self._begin, placeholder="status -o wide", compact=True, max_length=4_096)
            yield RichLog(max_lines=OUTPUT_LINES_MAX, wrap=True)

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
        log.write(Text(f"$ {as_typed(self._line, words)}", "bold"))
        self.run_worker(self._run(words), group="command", exclusive=True)

    async def _run(self, words: Sequence[str]) -> None:
        log = self.query_one(RichLog)

        def show(printed: str) -> None:
            for text in printed.splitlines():
                log.write(Text(printable(text)))

        outcome = await cast("RaftApp", self.app).runner.run(words, show)
        log.write(Text(f"exit {outcome.code}, {outcome.seconds:.1f}s", "dim"))
