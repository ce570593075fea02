"""What happened, in the fewest lines: what is a part of something that another event tells as a
whole is left out. The page of events, and a filter, show all of it.
"""

from collections.abc import Iterable, Iterator

from tui.drawing.events import Row, gathered, lines_of, rows_of
from tui.drawing.moment import Moment
from tui.drawing.text import Line
from tui.lives import SAME_LIFE
from tui.timeline import Occurrence, Timeline

PART_NS = 1_000_000_000
"""Parts of one happening are told within this before it and after it."""
STEPS = frozenset({"leaderless", "prevote", "election", "vote", "follow", "stepdown"})
"""What may be a part of an election."""


def digest(moment: Moment, count: int) -> list[Row]:
    """The newest events, without the parts of elections and of ends of nodes."""
    if moment.pattern:
        return gathered(moment, count)
    return rows_of(wholes(moment.model.timeline), count)


def digest_lines(moment: Moment, width: int, height: int) -> list[Line]:
    return lines_of(digest(moment, height), moment, width)


def wholes(timeline: Timeline) -> Iterator[Occurrence]:
    """Those that are no part of another one, from the newest to the oldest.

    Thousands may come a second: but for the wholes no more are looked at than are asked for.
    """
    leaders: dict[int, list[Occurrence]] = {}
    endings: dict[str, list[Occurrence]] = {}
    stalls: dict[str, list[Occurrence]] = {}
    for whole in timeline.wholes:
        if whole.kind == "leader":
            leaders.setdefault(whole.term, []).append(whole)
        else:
            found = stalls if whole.kind == "stall" else endings
            found.setdefault(whole.who, []).append(whole)

    def is_part(event: Occurrence) -> bool:
        if event.kind in STEPS:
            near = leaders.get(event.term, []) + leaders.get(event.term + 1, [])
            return any(_is_step(event, leader) for leader in near) if near else False
        if event.kind == "lost":
            return _is_near(event, endings.get(str(event.data.get("node")), ()))
        is_pause = event.kind == "away" and event.data.get("how") == SAME_LIFE
        return is_pause and _is_near(event, stalls.get(event.who, ()))

    return (event for event in timeline.newest() if not is_part(event))


def _is_near(event: Occurrence, wholes: Iterable[Occurrence]) -> bool:
    return any(abs(event.mono_ns - whole.mono_ns) <= PART_NS for whole in wholes)


def _is_step(event: Occurrence, leader: Occurrence) -> bool:
    """Whether it led to the election of that leader, or follows from it."""
    if not _is_about(event, leader):
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
