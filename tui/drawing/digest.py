"""What happened, in the fewest lines: what is a part of something that another event tells as a
whole is left out. The page of events, and a filter, show all of it.
"""

from collections import deque
from collections.abc import Iterable, Iterator

from tui.drawing.events import Row, gathered, lines_of, rows_of
from tui.drawing.moment import Moment
from tui.drawing.text import Line
from tui.lives import SAME_LIFE
from tui.timeline import Occurrence

PART_NS = 1_000_000_000
"""Parts of one happening are told within this before it and after it."""
ENDINGS = frozenset({"exited", "stop", "away"})
"""What tells the end of a node, which its peers lose."""


def digest(moment: Moment, count: int) -> list[Row]:
    """The newest events, without the parts of elections and of ends of nodes."""
    if moment.pattern:
        return gathered(moment, count)
    return rows_of(wholes(moment.model.timeline.newest()), count)


def digest_lines(moment: Moment, width: int, height: int) -> list[Line]:
    return lines_of(digest(moment, height), moment, width)


def wholes(events: Iterable[Occurrence]) -> Iterator[Occurrence]:
    """Those that are no part of another one. Given and told from the newest to the oldest."""
    waiting: deque[Occurrence] = deque()
    leaders: dict[int, Occurrence] = {}
    endings: dict[str, Occurrence] = {}
    stalls: dict[str, Occurrence] = {}

    def is_whole(event: Occurrence) -> bool:
        if event.kind == "away" and event.data.get("how") == SAME_LIFE:
            return not _is_near(event, stalls.get(event.who))
        if event.kind == "lost":
            return not _is_near(event, endings.get(str(event.data.get("node"))))
        return not any(_is_step(event, leaders.get(term)) for term in (event.term, event.term + 1))

    for event in events:
        if event.kind == "leader":
            leaders[event.term] = event
        elif event.kind == "stall":
            stalls[event.who] = event
        elif event.kind in ENDINGS:
            endings[event.who] = event
        waiting.append(event)
        while waiting[0].mono_ns - event.mono_ns > PART_NS:
            first = waiting.popleft()
            if is_whole(first):
                yield first
    yield from filter(is_whole, waiting)


def _is_near(event: Occurrence, whole: Occurrence | None) -> bool:
    return whole is not None and abs(event.mono_ns - whole.mono_ns) <= PART_NS


def _is_step(event: Occurrence, leader: Occurrence | None) -> bool:
    """Whether it led to the election of that leader, or follows from it."""
    if leader is None or not _is_about(event, leader):
        return False
    took_ms = leader.data.get("took_ms")
    took_ns = round(took_ms * 1e6) if isinstance(took_ms, int | float) else 0
    return -PART_NS - took_ns <= event.mono_ns - leader.mono_ns <= PART_NS


def _is_about(event: Occurrence, leader: Occurrence) -> bool:
    """By what it says: of the same term, or of the candidate in the term before."""
    if event.term < leader.term:
        return event.node == leader.node and event.kind in ("leaderless", "prevote")
    if event.kind in ("vote", "follow"):
        return leader.who in (event.data.get("candidate"), event.data.get("leader"))
    if event.mono_ns > leader.mono_ns:
        return False  # it is the end of that, or the next one
    if event.kind in ("election", "prevote"):
        return event.node == leader.node
    return event.kind in ("leaderless", "stepdown")
