"""A node's log, alone or beside another one: to move in it, to find something, to take it away."""

import asyncio
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from node.client.errors import ClientError
from tui import exports
from tui.drawing.detail import no_cluster
from tui.drawing.diff import entries_of, gaps, log_lines, verdict
from tui.drawing.logs import times_of, told_log
from tui.drawing.moment import ago
from tui.drawing.text import Line, number, printable
from tui.keys import LIST_KEYS, LOG_KEYS, Key, bindings
from tui.link import read_log
from tui.nodes import NodeView
from tui.screens.forms import Form, Prompt
from tui.screens.page import Page
from tui.search import PAGE, find
from tui.widgets.panel import Panel

LOOK_SECONDS = 1.0
MARGINS = (200, 20, 1, 0)
"""Entries that are asked for in front of those that are shown; fewer where they are long, and an
answer does not reach the cursor.
"""


class LogPage(Page):
    """Every node's log is its own, committed or not. A cursor stands on one entry; as long as there
    is none the end is shown.
    """

    KEYS: ClassVar[Sequence[Key]] = (*LOG_KEYS, *LIST_KEYS)
    BINDINGS: ClassVar[list[BindingType]] = bindings(KEYS)

    def __init__(self, diff: bool = False) -> None:
        super().__init__()
        self._diff = diff
        self._beside: int | None = None
        self._at: int | None = None
        self._top = 0
        self._pattern = ""
        self._looking: int | None = None
        """From where on the pattern is looked for right now."""
        self._documents: dict[int, dict[str, Any]] = {}
        self._failures: dict[int, str] = {}
        self._wanted = asyncio.Event()

    def body(self) -> Sequence[Widget]:
        return [Panel(self._list, id="list", classes="framed rest")]

    def on_mount(self) -> None:
        self.run_worker(self._keep_reading(), group="log", exclusive=True)
        self._look_beside()

    # -- which logs --------------------------------------------------------------------------------
    @property
    def _other(self) -> NodeView | None:
        """Whose log stands beside that of the chosen node: that of the one that was chosen for it,
        else the leader's, or that of the next node that lives.
        """
        view, moment = self.viewer.chosen_view, self.moment
        if not self._diff or view is None:
            return None
        beside = moment.model.nodes.get(self._beside or 0)
        for wanted in (beside, moment.leader):
            if wanted is not None and wanted is not view:
                return wanted
        others = [other for other in moment.model.nodes.values() if other is not view]
        return next((other for other in others if moment.is_live(other)), None)

    def _document(self, view: NodeView | None) -> dict[str, Any] | None:
        """Its log around the cursor, as it answered, or as the stream told it; None: it is being
        read, or a recording knows nothing of it yet.
        """
        if view is None:
            return None
        if self.viewer.film is not None or view.node_id in self._failures:
            return told_log(self.moment, view) if view.status else None
        document = self._documents.get(view.node_id)
        is_wanted = self._at is not None and self._at in _span_of(view)
        return None if is_wanted and self._at not in entries_of(document) else document

    # -- what is shown -----------------------------------------------------------------------------
    def lay_out(self) -> None:
        view, other = self.viewer.chosen_view, self._other
        panel = self.panel("list")
        if view is None:
            return
        beside = "" if other is None else f" | {other.name}"
        state = "following"
        if self._at is not None:
            state = f"{'going to' if self._document(view) is None else 'at'} {number(self._at)}"
        if self._looking is not None:
            state = f"looking for {self._pattern!r} from {number(self._looking)}"
        elif self._pattern:
            state += f"   find: {self._pattern}"
        panel.name_it(f"log {view.name}{beside}  {state}", self._note(view, other))

    def _note(self, view: NodeView, other: NodeView | None) -> str:
        """Where what is shown is not a node's own answer."""
        if self.viewer.film is not None:
            return "what the recording tells: entries that took effect"
        for each in (view, other):
            if each is not None and each.node_id in self._failures:
                age = each.age_s(self.moment.now_ns)
                told = "" if age is None else f": what it told, as of {ago(age)}"
                return f"{each.name} does not answer{told}"
        return self.key_words(LIST_KEYS[-1:])

    def _list(self, width: int, height: int) -> list[Line]:
        view, other = self.viewer.chosen_view, self._other
        if view is None:
            return [[], [("  ", ""), *no_cluster(self.moment)]]
        document, beside = self._document(view), self._document(other)
        if document is None:
            words = "nothing is known of it yet" if self.viewer.film else "reading ..."
            return [[(f"  {self._failures.get(view.node_id, words)}", "dim")]]
        names = (view.name, "" if other is None else other.name)
        room = height - 1 - (beside is not None)
        lines = log_lines(
            document,
            beside,
            names,
            width,
            self._window(document, beside, room),
            chosen=self._at,
            times=lambda index: times_of(self.moment, view, index),
        )[: room + 1]
        if len(lines) == 1:
            lines.append([("  nothing of it was described", "dim")])
        if beside is not None:
            lines += [[]] * (room + 1 - len(lines)) + [verdict(document, beside, names)]
        return lines

    def _window(self, one: dict[str, Any], other: dict[str, Any] | None, room: int) -> list[int]:
        """The entries that there is room for: around the cursor, else the last ones."""
        indexes = sorted(entries_of(one).keys() | entries_of(other).keys())
        if self._at is None:
            return _fitting(indexes[-room:] if room > 0 else [], room, None)
        at, top = bisect_left(indexes, self._at), bisect_left(indexes, self._top)
        top = max(min(top, at), at - room + 1, 0)
        if indexes:
            self._top = indexes[min(top, len(indexes) - 1)]
        return _fitting(indexes[top : top + room], room, self._at)

    async def _keep_reading(self) -> None:
        """Ask the nodes that are shown once a second, and at once when something was pressed."""
        while True:
            self._wanted.clear()  # what is pressed while it reads is for the next round
            for view in (self.viewer.chosen_view, self._other):
                if view is None or self.viewer.film is not None:
                    continue
                try:
                    document = await self._read_shown(view)
                except ClientError as error:
                    self._failures[view.node_id] = error.message
                else:
                    self._failures.pop(view.node_id, None)
                    self._documents[view.node_id] = document
            self.paint()
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wanted.wait()
            except TimeoutError:
                pass

    async def _read_shown(self, view: NodeView) -> dict[str, Any]:
        """Entries around the cursor, else the last ones. Raises ClientError."""
        at, top = self._at, self._top
        if at is None:
            return await self._read(view, view.number("last_index") - self.size.height - 20, 0)
        for margin in MARGINS:
            document = await self._read(view, min(at, top) - margin, 0)
            read = max(entries_of(document), default=at)
            if read >= min(at, document["last_index"]):
                break
            top = at
        return document

    async def _read(self, view: NodeView, first: int, last: int) -> dict[str, Any]:
        """Raises ClientError."""
        address = self.viewer.address
        if address is None:
            raise ClientError("no_cluster", "there is no cluster now")
        first = max(first, view.number("first_index"), 1)
        return await read_log(address, view.node_id, first, last, PAGE)

    def choose_anew(self) -> None:
        """Read at once: it may be another part of the log as well."""
        self._wanted.set()
        self.paint()

    # -- moving ------------------------------------------------------------------------------------
    def action_scroll_by(self, rows: int) -> None:
        view = self.viewer.chosen_view
        document = self._document(view)
        if document is None:
            return
        indexes = sorted(entries_of(document).keys() | entries_of(self._document(self._other)))
        if not indexes:
            return
        at = len(indexes) - 1 if self._at is None else bisect_left(indexes, self._at)
        self._go_to(indexes[min(max(at + rows, 0), len(indexes) - 1)])

    def _go_to(self, index: int) -> None:
        self._at = index
        if self._document(self.viewer.chosen_view) is None:
            self._top = index  # it is far from what was shown
        self.choose_anew()

    def turn_wheel(self, rows: int) -> None:
        self.action_scroll_by(rows)

    def action_follow(self) -> None:
        self.workers.cancel_group(self, "find")
        self._at, self._pattern = None, ""
        self.choose_anew()

    def action_goto(self) -> None:
        def go(text: str | None) -> None:
            digits = (text or "").replace(",", "")
            if digits.isdecimal() and self._span:
                self._go_to(min(max(int(digits), self._span.start), self._span.stop - 1))
            elif text:
                self.notify("an index is a number, such as 104,317", severity="warning")

        if not self._span:
            self.notify("there is no entry to go to", severity="warning")
            return
        span = f"{number(self._span.start)} to {number(self._span.stop - 1)}"
        self.app.push_screen(Prompt("go to the entry", "", span), go)

    @property
    def _span(self) -> range:
        """The indexes of the chosen node's log."""
        view = self.viewer.chosen_view
        return range(0) if view is None else _span_of(view)

    # -- looking for something ---------------------------------------------------------------------
    def action_find(self) -> None:
        def begin(pattern: str | None) -> None:
            if pattern is not None:
                self._pattern = pattern
                self._look(-1 if self._at is None else 1, from_here=True)

        prompt = Prompt("find in the log", self._pattern, "a text, or a term: spam, t7")
        self.app.push_screen(prompt, begin)

    def action_find_on(self, by: int) -> None:
        if self._pattern:
            self._look(by)
        else:
            self.action_find()

    def _look(self, by: int, from_here: bool = False) -> None:
        if self._pattern:
            self.run_worker(self._find(by, from_here), group="find", exclusive=True)
        self.paint()

    async def _find(self, by: int, from_here: bool) -> None:
        view, span = self.viewer.chosen_view, self._span
        if view is None or not span:
            return
        first, rest = span, range(0)
        if self._at is not None:
            here = self._at + (0 if from_here else by)
            after = here if by > 0 else here + 1
            first, rest = range(span.start, after), range(after, span.stop)
            first, rest = (rest, first) if by > 0 else (first, rest)
        told = self._document(view) if self.viewer.film or view.node_id in self._failures else None

        async def read(first: int, last: int) -> list[dict[str, Any]]:
            document = await self._read(view, first, last) if told is None else told
            return [entry for entry in document["entries"] if first <= entry["index"] <= last]

        def show(first: int) -> None:
            self._looking = first
            self.paint()

        try:
            found = await find(read, self._pattern, first, by, show)
            if found is None and (found := await find(read, self._pattern, rest, by, show)):
                self.notify(f"from the {'beginning' if by > 0 else 'end'} on again", timeout=3)
        except ClientError as error:
            self.notify(printable(error.message), severity="error", markup=False)
        else:
            if found is None:
                words = f"nothing in this log with {self._pattern!r}"
                self.notify(words, severity="warning", markup=False)
            else:
                self._go_to(found)
        finally:
            self._looking = None
            self.paint()

    # -- two logs ----------------------------------------------------------------------------------
    def action_toggle_diff(self) -> None:
        self._diff = not self._diff
        self._look_beside()
        self.choose_anew()

    def _look_beside(self) -> None:
        """Say so when there is no other log to show."""
        if self._diff and self._other is None:
            self._diff = False
            is_alone = len(self.moment.model.ids()) < 2
            why = "there is no other node" if is_alone else "no other node answers"
            self.notify(f"{why}: no log to put beside this one", severity="warning")

    def action_other(self) -> None:
        """The next node's log beside it."""
        view, other = self.viewer.chosen_view, self._other
        ids = [each for each in self.moment.model.ids() if view and each != view.node_id]
        if ids:
            at = ids.index(other.node_id) + 1 if other is not None else 0
            self._beside = ids[at % len(ids)]
        self._diff = True
        self._look_beside()
        self.choose_anew()

    # -- taking it away ----------------------------------------------------------------------------
    def action_copy_entry(self) -> None:
        view = self.viewer.chosen_view
        entries = entries_of(self._document(view))
        index = max(entries, default=0) if self._at is None else self._at
        if index not in entries:
            self.notify("no entry is chosen here", severity="warning")
            return
        entry = entries[index]
        words = entry.get("preview") or entry.get("kind", "")
        self.app.copy_to_clipboard(f"{index} t{entry['term']} {words}")
        self.notify(f"copied entry {number(index)}")

    def action_export(self) -> None:
        view = self.viewer.chosen_view
        if view is None or not self.viewer.may_write_files("export it"):
            return
        file = self.viewer.file_name(f"{view.name}-log", "jsonl")
        recording = self.viewer.recording
        if self.viewer.film is not None and recording is not None:
            form = Form(
                "write the entries that took effect",
                [("file", file, "")],
                lambda values: exports.export_applied(recording.run, values["file"]),
                self.viewer.line,
            )
        else:
            first = self._span.start if self._at is None else self._at
            fields = [("from", str(first), "1"), ("to", "", "empty: its end"), ("file", file, "")]
            form = Form(
                f"write the log of {view.name}",
                fields,
                lambda values: exports.export_log(
                    view.name, values["from"], values["to"], values["file"]
                ),
                self.viewer.line,
            )
        self.app.push_screen(form)


def _span_of(view: NodeView) -> range:
    """The indexes of its log."""
    if not view.number("last_index"):
        return range(0)
    return range(max(view.number("first_index"), 1), view.number("last_index") + 1)


def _fitting(indexes: list[int], room: int, at: int | None) -> list[int]:
    """As many as fit with a line for each gap between them; the last one, or the cursor, stays."""
    while indexes and len(indexes) + gaps(indexes) > room:
        is_at_end = at is None or at >= indexes[-1]
        indexes = indexes[1:] if is_at_end else indexes[:-1]
    return indexes
