"""A history as one page: a lane for each process, a bar for each operation, the violation marked.

Nothing comes from elsewhere: the page is a file that can be sent. Moments are drawn one after the
other at equal distances, for what overlaps what is the question, and milliseconds would drown in
the seconds between them; their times stand at the top.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files

from node.verify.history import NEVER, History
from node.verify.linearizability.keys import KeyVerdict
from node.verify.models import MODELS
from raftctl.checkdocs import Check
from raftctl.checking.checked import Checked

KEYS_MAX = 30
OPERATIONS_MAX = 240
"""Of one key."""
BEFORE = 200
"""Operations of the failed key that are shown before the one that cannot be."""
STEP = 64
LANE = 26
LABELS = 90
TOP = 30
CHARACTER = 6.7
"""Widths and heights in pixels."""
SHOW_CULPRIT = (
    "document.querySelector('svg .culprit')"
    "?.scrollIntoView({inline: 'center', block: 'nearest'}); scrollTo(0, 0)"
)


def page_of(history: History, checked: Checked, document: Check) -> str:
    """The page, as HTML. The history has the shape of its model."""
    keys = sorted(checked.keys, key=lambda each: each.verdict != "failed")
    codes = {key: code for code, key in enumerate(history.keys)}
    by_key = history.by_key()
    drawn = keys[:KEYS_MAX]
    parts = [
        _key_part(history, checked, verdict, by_key[codes[verdict.key]], is_open=not place)
        for place, verdict in enumerate(drawn)
    ]
    left = len(keys) - len(drawn)
    if left:
        parts.append(f"<p>{left:,} more keys are not drawn.</p>")
    style = files("raftctl.checking").joinpath("page.css").read_text(encoding="utf-8")
    title = escape(history.name or document.history)
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f"<title>{title}: {document.verdict}</title><style>{style}</style></head><body>",
            f'<h1>{title} <span class="{document.verdict}">{document.verdict}</span></h1>',
            f"<p>{_about(document)}</p>",
            *_why(document),
            '<p class="legend"><b class="read">changes nothing</b> <b class="write">changes</b> '
            '<b class="unknown">outcome unknown</b> <b class="prefix">part of the violation</b> '
            '<b class="culprit">cannot be</b></p>',
            *parts,
            f"<script>{SHOW_CULPRIT}</script></body></html>\n",
        ]
    )


def _about(document: Check) -> str:
    return (
        f"{document.operations:,} operations, keys: {len(document.keys):,}, "
        f"{document.unknown:,} of unknown outcome; model {document.model}"
    )


def _why(document: Check) -> Iterator[str]:
    if document.explanation is None or document.failed_key is None:
        if document.verdict != "ok":
            yield f"<p>{escape(document.text)}</p>"
        return
    yield f'<p class="why">{escape(document.explanation.text)}</p>'
    if document.failed_key.text not in ("", document.explanation.text):
        yield f"<p>{escape(document.failed_key.text)}</p>"
    yield "<table><tr><th>op<th>lines<th>process<th>from<th>to<th></tr>"
    for each in document.explanation.operations:
        lines = str(each.line) if each.end_line is None else f"{each.line}, {each.end_line}"
        yield (
            f"<tr><td>{each.op}<td>{lines}<td>{each.process}<td>{_seconds(each.from_ns)}"
            f"<td>{_seconds(each.to_ns)}<td>{escape(each.text)}</tr>"
        )
    yield "</table>"
    if document.explanation.left_out:
        yield f"<p>and {document.explanation.left_out:,} before them</p>"


def _seconds(time: int | None) -> str:
    return "" if time is None else f"{time / 1e9:.6f}"


def _key_part(
    history: History,
    checked: Checked,
    verdict: KeyVerdict,
    numbers: Sequence[int],
    *,
    is_open: bool,
) -> str:
    marked: dict[int, str] = {}
    chosen = list(numbers[:OPERATIONS_MAX])
    if verdict is checked.failed:
        found = checked.explanation
        told = sorted(verdict.suspects) if found is None else found.operations
        marked = dict.fromkeys(told, "prefix") | dict.fromkeys(told[-1:], "culprit")
        at = max(bisect_left(numbers, told[-1]) - BEFORE, 0) if told else 0
        chosen = sorted({*numbers[at : at + OPERATIONS_MAX], *marked})
    name = "all" if verdict.key is None else f"key {escape(str(verdict.key))}"
    few = "" if len(chosen) == len(numbers) else f", {len(chosen):,} drawn"
    text = f"; {escape(verdict.text)}" if verdict.text else ""
    summary = (
        f'{name} <span class="{verdict.verdict}">{verdict.verdict}</span> ({verdict.stage}): '
        f"{len(numbers):,} operations{few}{text}"
    )
    drawing = Drawing(history, chosen, marked)
    opened = " open" if is_open else ""
    return (
        f"<details{opened}><summary>{summary}</summary>"
        f'<div class="scroll">{"".join(drawing.lines())}</div></details>'
    )


class Drawing:
    """Some operations of one key, as SVG."""

    def __init__(self, history: History, numbers: Sequence[int], marked: dict[int, str]) -> None:
        self._history = history
        self._numbers = numbers
        self._marked = marked
        assert history.shaped_for is not None, "it was checked"
        self._model = MODELS[history.shaped_for]
        ends = [history.completed[number] for number in numbers]
        calls = [history.invoked[number] for number in numbers]
        self._times = sorted({*calls, *(end for end in ends if end != NEVER)})
        processes = sorted({history.processes[number] for number in numbers})
        self._lanes = {process: lane for lane, process in enumerate(processes)}
        self._width = STEP * (len(self._times) + 1)
        self._height = TOP + LANE * len(processes)

    def lines(self) -> Iterator[str]:
        """The names of the lanes stay where they are while the lanes are scrolled."""
        yield f'<svg class="labels" width="{LABELS}" height="{self._height + 4}">'
        for process, lane in self._lanes.items():
            yield f'<text x="4" y="{TOP + LANE * lane + 15}">process {process}</text>'
        yield f'</svg><svg width="{self._width}" height="{self._height + 4}">'
        yield from self._marks()
        yield from self._ticks()
        for lane in self._lanes.values():
            y = TOP + LANE * lane + 22
            yield f'<line x1="0" x2="{self._width}" y1="{y}" y2="{y}"/>'
        for number in self._numbers:
            yield self._bar(number)
        yield "</svg>"

    def _x(self, time: int) -> int:
        return STEP * bisect_left(self._times, time)

    def _ticks(self) -> Iterator[str]:
        for place in range(0, len(self._times), 3):
            time = self._times[place]
            text = f"{time / 1e9:.6f}s" if self._history.is_timed else f"line {time}"
            yield f'<text x="{STEP * place}" y="12" class="tick">{text}</text>'

    def _marks(self) -> Iterator[str]:
        """What was done to the cluster while this went on."""
        if not self._times:
            return
        for mark in self._history.marks:
            if self._times[0] <= mark.time <= self._times[-1]:
                x = self._x(mark.time)
                text = escape(f"{mark.name} {mark.text}".strip())
                yield f'<g class="mark"><title>{text}</title>'
                yield f'<line x1="{x}" x2="{x}" y1="14" y2="{self._height}"/>'
                yield f'<text x="{x + 3}" y="24">{text[:40]}</text></g>'

    def _bar(self, number: int) -> str:
        history = self._history
        name, result = history.name_of(number), history.results[number]
        text = self._model.tell(name, history.values[number], result)
        end = history.completed[number]
        x = self._x(history.invoked[number])
        is_unknown = end == NEVER
        width = (self._width if is_unknown else self._x(end)) - x - 2
        kind = "read" if self._model.readonly(name, result) else "write"
        kinds = f"{'unknown' if is_unknown else kind} {self._marked.get(number, '')}".strip()
        y = TOP + LANE * self._lanes[history.processes[number]]
        height, top = (6, y + 14) if is_unknown else (20, y)
        fitting = max(int(width / CHARACTER), 1)
        shown = text if len(text) <= fitting else text[: fitting - 1] + "…" * (fitting > 1)
        lines = f"lines {history.lines[number]}, {history.end_lines[number] or 'no end'}"
        about = escape(f"op {number + 1}: {text}; {lines}")
        return (
            f'<g class="{kinds}"><title>{about}</title>'
            f'<rect x="{x}" y="{top}" width="{max(width, 4)}" height="{height}" rx="3"/>'
            f'<text x="{x + 3}" y="{y + (12 if is_unknown else 14)}">{escape(shown)}</text></g>'
        )
