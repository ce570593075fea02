"""What a recording tells as a whole: who led from when to when, and which faults lasted how long.

Folded once from all frames; pure. Times are those of the frames' clock, in nanoseconds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from node.wire.messages import Changed, Frame, Happened, Keyframe
from tui.nodes import STALE_NS

AGAIN_NS = 1_000_000_000
"""Nodes tell of one fault at different moments: within this it is the same one."""


class Reign(NamedTuple):
    """Who led, from when to when."""

    node: int
    term: int
    begin: int
    end: int


class Span(NamedTuple):
    """A fault, or a node that was down. `is_open`: the recording ends before it does."""

    label: str
    begin: int
    end: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class Chronicle:
    """`reigns` in order, none of which overlaps another one; `spans` by their beginning; and when
    the first and the last frame were.
    """

    reigns: Sequence[Reign] = ()
    spans: Sequence[Span] = ()
    begin: int = 0
    end: int = 0

    @property
    def leaderless(self) -> list[tuple[int, int]]:
        """The stretches in which nobody led."""
        edges = [self.begin, *(edge for reign in self.reigns for edge in reign[2:]), self.end]
        pairs = zip(edges[::2], edges[1::2], strict=True)
        return [(begin, end) for begin, end in pairs if begin < end]


def chronicle_of(frames: Iterable[Frame]) -> Chronicle:
    chronicler = Chronicler()
    for frame in frames:
        chronicler.take(frame)
    return chronicler.so_far()


class Chronicler:
    """Folds frames, given in order."""

    def __init__(self) -> None:
        self._begin = self._end = 0
        self._seen: dict[int, tuple[int, int]] = {}
        """Of each node the boot and the time of its newest frame."""
        self._leads: dict[int, tuple[int, int]] = {}
        """Who leads: the term, and since when."""
        self._terms: dict[int, int] = {}
        self._claims: list[Reign] = []
        self._faults: dict[int, tuple[int, int | None]] = {}
        """Beginning and end, by number."""
        self._what: dict[int, str] = {}
        self._spans: list[Span] = []

    def take(self, frame: Frame) -> None:
        node, time = frame.id, frame.mono_ns
        self._begin = self._begin or time
        self._end = max(self._end, time)
        if node:
            self._is_there(node, frame.boot, time)
        match frame:
            case Keyframe(status=values) | Changed(values=values):
                self._state(node, values, time)
            case Happened(kind="leader", term=term):
                self._begin_reign(node, term, time)
            case Happened(kind="stepdown"):
                self._end_reign(node, time)
            case Happened(kind="fault" | "heal", data=data):
                self._fault(frame.kind, str(data.get("fault", "")).removeprefix("#"), time)

    def _is_there(self, node: int, boot: int, time: int) -> None:
        before, seen = self._seen.get(node, (boot, time))
        if boot != before or time - seen > STALE_NS:
            self._end_reign(node, seen)
            self._spans.append(Span(f"n{node} down", seen, time, False))
        self._seen[node] = boot, max(time, seen)

    def _state(self, node: int, values: dict[str, Any], time: int) -> None:
        term, role, rules = values.get("term"), values.get("role"), values.get("faults")
        if type(term) is int:
            self._terms[node] = term
        if role == "leader":
            self._begin_reign(node, self._terms.get(node, 0), time)
        elif role is not None:
            self._end_reign(node, time)
        for rule in rules if isinstance(rules, list) else ():
            number = rule.get("fault") if isinstance(rule, dict) else None
            if type(number) is int:
                self._what[number] = "cut" if rule.get("cut") else "net"
                self._faults.setdefault(number, (time, None))

    def _begin_reign(self, node: int, term: int, time: int) -> None:
        if node in self._leads and self._leads[node][0] != term:
            self._end_reign(node, time)
        self._leads.setdefault(node, (term, time))

    def _end_reign(self, node: int, time: int) -> None:
        if node in self._leads:
            term, begin = self._leads.pop(node)
            self._claims.append(Reign(node, term, begin, max(begin, time)))

    def _fault(self, kind: str, text: str, time: int) -> None:
        if not text.isdecimal():
            return
        number = int(text)
        begin, end = self._faults.get(number, (time, None))
        if kind == "heal":
            self._faults[number] = begin, time if end is None else end
        elif end is None:
            self._faults[number] = begin, None
        elif time - end > AGAIN_NS:  # faults are counted from 1 anew
            self._spans.append(self._span(number, begin, end))
            self._faults[number] = time, None

    def _span(self, number: int, begin: int, end: int | None) -> Span:
        label = f"#{number} {self._what.get(number, '')}".rstrip()
        return Span(label, begin, self._end if end is None else end, end is None)

    def so_far(self) -> Chronicle:
        """As if there was no frame after the last one."""
        claims, spans = list(self._claims), list(self._spans)
        for node, (_, seen) in self._seen.items():
            is_gone = self._end - seen > STALE_NS
            if node in self._leads:
                claims.append(Reign(node, *self._leads[node], seen if is_gone else self._end))
            if is_gone:
                spans.append(Span(f"n{node} down", seen, self._end, True))
        spans += [self._span(number, *times) for number, times in self._faults.items()]
        spans.sort(key=lambda span: (span.begin, span.label))
        return Chronicle(_one_after_the_other(claims), spans, self._begin, self._end)


def _one_after_the_other(claims: list[Reign]) -> list[Reign]:
    """Who leads in a lower term does not lead any more, once there is a leader in a higher one."""
    found: list[Reign] = []
    bound: int | None = None
    for claim in sorted(claims, key=lambda each: (each.term, each.begin), reverse=True):
        end = claim.end if bound is None else min(claim.end, bound)
        if claim.begin < end:
            found.append(claim._replace(end=end))
        bound = claim.begin if bound is None else min(bound, claim.begin)
    return found[::-1]


def in_rows(spans: Iterable[Span], count: int) -> tuple[list[list[Span]], int]:
    """Spans in at most `count` rows, none over another one; and how many there was no room for."""
    rows: list[list[Span]] = [[] for _ in range(count)]
    left = 0
    for span in spans:
        row = next((row for row in rows if not row or row[-1].end <= span.begin), None)
        if row is None:
            left += 1
        else:
            row.append(span)
    return [row for row in rows if row], left
