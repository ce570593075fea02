"""Forms that lie over a page: fields, and what is made of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from tui import actions, exports
from tui.actions import Action, Refusal
from tui.drawing.moment import Moment
from tui.drawing.text import printable
from tui.keys import FORM_KEYS, bindings
from tui.runner import Outcome
from tui.screens.page import key_words
from tui.typed import typed_action

if TYPE_CHECKING:
    from tui.app import RaftApp

FIELD_MAX = 4_096
"""Characters in a field of a form."""
FIELD_KEYS = (("form.next", "field"), ("form.leave", "leave"))


class Form(ModalScreen[None]):
    """Fields, and the action that they make. Enter in any of them applies, escape leaves. It stays
    open, with what was typed, until a line of it went well.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(FORM_KEYS)

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
            dialog.border_subtitle = f"enter apply   {key_words(self, *FIELD_KEYS)}"
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
        words = action.why if isinstance(action, Refusal) else action.typed(self._line)
        self.query_one(".note", Static).update(words)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._show()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Where there is no room for all of it, the line stands below the last field."""
        if event.widget is self.query(Input).last():
            self.query_one(".note").scroll_visible(animate=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        action = self._action()
        if isinstance(action, Action):
            self.take(action)

    def take(self, action: Action) -> None:
        """Run what is made of the fields."""
        app = cast("RaftApp", self.app)
        if not app.is_under_way(action):
            app.consider(action, self._ended)

    def _ended(self, outcome: Outcome) -> None:
        if not self.is_current:
            return  # it was left meanwhile
        if outcome.code:
            self.query_one(".note", Static).update(printable(outcome.headline))
        else:
            self.dismiss(None)

    def action_leave(self) -> None:
        self.dismiss(None)


class Prompt(ModalScreen[str | None]):
    """One line of text."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(FORM_KEYS)

    def __init__(self, title: str, value: str, hint: str) -> None:
        super().__init__()
        self._title = title
        self._value = value
        self._hint = hint

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            dialog.border_subtitle = f"enter apply   {key_words(self, FIELD_KEYS[-1])}"
            yield Input(self._value, placeholder=self._hint, compact=True, max_length=200)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        self.dismiss(None)


NET_FIELDS = (
    ("latency", "--latency", "100ms or 100ms+-20ms"),
    ("drop", "--drop", "10%"),
    ("duplicate", "--dup", "2%"),
    ("reorder", "--reorder", "5%"),
    ("corrupt", "--corrupt", "1%"),
    ("rate", "--rate", "64kB/s"),
    ("for", "--for", "10s; empty: until it is healed"),
)


def net_form(link: str, line: str, live: Callable[[], Moment]) -> Form:
    """What to do to a link; `live` gives how things are."""

    def make(values: Mapping[str, str]) -> Action | Refusal:
        chosen = [(option, values[label]) for label, option, _ in NET_FIELDS]
        if not any(value.strip() for option, value in chosen if option != "--for"):
            return Refusal("give a latency, a share that is lost, ...")
        action = actions.net(values["link"], chosen)
        return action if isinstance(action, Refusal) else typed_action(live(), action.arguments)

    fields = [("link", link, "n1:n2, leader:rest")]
    fields += [(label, "", hint) for label, _, hint in NET_FIELDS]
    return Form("make a link slow or lossy", fields, make, line)


def put_form(line: str) -> Form:
    """A key and its value."""
    fields = [("key", "", "k1"), ("value", "", "anything")]
    return Form("put", fields, lambda values: actions.put(values["key"], values["value"]), line)


def scenario_form(file: str, since: str, line: str) -> Form:
    """Where what was done goes; `file` is what it would be called."""
    fields = [("file", file, "mine.toml")]
    return Form(
        "what was done since the viewer was opened, as a scenario",
        fields,
        lambda values: exports.scenario(values["file"], since),
        line,
    )
