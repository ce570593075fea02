"""What a recording tells as a whole: who led from when to when, and which faults lasted how long.

Folded once from all frames; pure. Times are those of the frames' clock, in nanoseconds.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from node.wire.messages import Changed, Frame, Happened, Keyframe
from node.wire.recording import CLUSTER
from node.wire.words import MENDING
from tui.nodes import STALE_NS
from tui.shapes import checked

GROUPS = ("voters", "learners", "outgoing", "promotable")
TOLD = frozenset({"term", "role", "faults", "node_faults", "configuration", "configuration_index"})
"""What of a status it is made of."""
AGAIN_NS = 1_000_000_000
"""Nodes tell of one fault at different moments: within this it is the same one."""


class Reign(NamedTuple):
    """Who led, from when to when."""

    node: int
    term: int
    begin: int
    end: int


class Span(NamedTuple):
    """A fault, or a node of which nothing came: it was down, or silent where the same process went
    on. `is_open`: the recording ends before it does.
    """

    label: str
    begin: int
    end: int
    is_open: bool

    @property
    def is_fault(self) -> bool:
        return self.label.startswith("#")


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done to the cluster, as whoever did it told."""

    label: str
    nodes: tuple[str, ...]
    begin: int
    end: int | None = None

    def explains(self, span: Span) -> bool:
        """Whether that is a node which was down because of this."""
        is_after = self.begin - AGAIN_NS <= span.begin and (
            self.end is None or span.begin <= self.end
        )
        return is_after and span.label.split()[0] in self.nodes


@dataclass(frozen=True, slots=True)
class Chronicle:
    """`reigns` in order, none of which overlaps another one; `spans` by their beginning; when the
    first and the last frame were; and since when nodes are no members any more.
    """

    reigns: Sequence[Reign] = ()
    spans: Sequence[Span] = ()
    begin: int = 0
    end: int = 0
    left: Mapping[int, int] = field(default_factory=dict)

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
        self._begin: int | None = None
        self._end = 0
        self._seen: dict[int, tuple[int, int]] = {}
        """Of each node the boot and the time of its newest frame."""
        self._leads: dict[int, tuple[int, int]] = {}
        """Who leads: the term, and since when."""
        self._terms: dict[int, int] = {}
        self._claims: list[Reign] = []
        self._faults: dict[int, tuple[int, int | None]] = {}
        """Beginning and end, by number."""
        self._what: dict[int, str] = {}
        self._deeds: dict[str, Deed] = {}
        self._spans: list[Span] = []
        self._members: dict[int, tuple[int, frozenset[int]]] = {}
        """Who belongs to the cluster by the configuration that each node has, and its index."""
        self._left: dict[int, int] = {}
        """Nodes that are no members any more, and since when."""

    def take(self, frame: Frame) -> None:
        node, time = frame.id, frame.mono_ns
        self._begin = time if self._begin is None else self._begin
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
            case Happened(kind="stall", data={"ms": int(ms)}):
                self._stalled(node, time - ms * 1_000_000, time)
            case Happened(data={"fault": str(sign)}) if node == CLUSTER:
                self._done(frame.kind, sign, frame.data, time)
            case Happened(kind="fault" | "heal", data=data):
                self._fault(frame.kind, str(data.get("fault", "")).removeprefix("#"), time)

    def _is_there(self, node: int, boot: int, time: int) -> None:
        before, seen = self._seen.get(node, (boot, time))
        if boot != before or time - seen > STALE_NS:
            self._end_reign(node, seen)
            word = "silent" if boot == before else "down"
            self._absent(self._spans, f"n{node} {word}", node, (seen, time), is_open=False)
        self._seen[node] = boot, max(time, seen)

    def _stalled(self, node: int, begin: int, end: int) -> None:
        """It says so itself; where it was silent for long enough, that is told already."""
        label = f"n{node} silent"
        if not any(span.label == label and span.end > begin for span in self._spans):
            self._absent(self._spans, label, node, (begin, end), is_open=False)

    def _absent(
        self, spans: list[Span], label: str, node: int, times: tuple[int, int], *, is_open: bool
    ) -> None:
        """Up to when somebody misses it: nobody does once it is no member any more."""
        begin, end = times
        left = self._left.get(node, end)
        if left >= end:
            spans.append(Span(label, begin, end, is_open))
        elif left - begin > STALE_NS:
            spans.append(Span(label, begin, left, False))

    def _configuration(self, node: int, values: Mapping[str, Any], time: int) -> None:
        index, members = self._members.get(node, (0, frozenset()))
        index = values.get("configuration_index", index)
        if configuration := values.get("configuration"):
            members = frozenset().union(*map(configuration.get, GROUPS, [()] * len(GROUPS)))
        self._members[node] = index, members
        _, newest = max(self._members.values(), key=lambda known: known[0])
        ever = frozenset().union(*(known for _, known in self._members.values()))
        for each in (ever | self._left.keys()) - newest if newest else ():
            self._left.setdefault(each, time)
        for each in newest & self._left.keys():
            del self._left[each]

    def _state(self, node: int, values: dict[str, Any], time: int) -> None:
        values, _ = checked({key: values[key] for key in TOLD & values.keys()})
        if values.keys() & {"configuration", "configuration_index"}:
            self._configuration(node, values, time)
        term, role = values.get("term"), values.get("role")
        if type(term) is int:
            self._terms[node] = term
        if role == "leader":
            self._begin_reign(node, self._terms.get(node, 0), time)
        elif role is not None:
            self._end_reign(node, time)
        for rule in (*values.get("faults", ()), *values.get("node_faults", ())):
            if "fault" in rule:
                self._what[rule["fault"]] = _what(rule)
                self._faults.setdefault(rule["fault"], (time, None))

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

    def _done(self, kind: str, sign: str, data: Mapping[str, Any], time: int) -> None:
        deed = self._deeds.get(sign)
        if deed is None and kind not in MENDING:
            nodes = str(data.get("nodes", ""))
            words = [sign] if sign.startswith("#") else []
            label = " ".join([*words, kind, str(data.get("what", nodes))])
            self._deeds[sign] = Deed(label, tuple(nodes.split()), time)
        elif deed is not None and deed.end is None and kind in MENDING:
            self._deeds[sign] = replace(deed, end=time)

    def _told(self, spans: Iterable[Span]) -> Iterator[Span]:
        """What was done, and of what was seen only what that does not explain."""
        deeds = self._deeds.values()
        for deed in deeds:
            end = self._end if deed.end is None else deed.end
            yield Span(deed.label, deed.begin, end, deed.end is None)
        for span in spans:
            if not any(deed.explains(span) for deed in deeds):
                yield span

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
                self._absent(spans, f"n{node} down", node, (seen, self._end), is_open=True)
        for number, times in self._faults.items():
            if f"#{number}" not in self._deeds:
                spans.append(self._span(number, *times))
        spans = list(self._told(spans))
        spans.sort(key=lambda span: (span.begin, span.label))
        reigns = _one_after_the_other(claims)
        return Chronicle(reigns, spans, self._begin or 0, self._end, dict(self._left))


def _what(rule: Mapping[str, Any]) -> str:
    if "kind" in rule:
        return "clock" if rule["kind"] == "rate" else "disk"
    return "cut" if rule.get("cut") else "net"


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
