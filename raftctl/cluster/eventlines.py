"""Frames of a stream as documents, and as lines for people."""

import difflib
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from typing import Any

from node.wire.messages import Bulk, Changed, Frame, Gap, Happened, Keyframe
from node.wire.words import NODE_KINDS, SIM_KINDS
from raftctl.cluster.eventstream import Item
from raftctl.eventdocs import Event
from raftctl.output import escaped
from raftctl.values import usage

FRAME_KINDS = ("status", "changed", "applied", "gap")
"""Beside the kinds of events."""
TEXT_MAX = 160
"""Characters of a value in a line."""

Wanted = Callable[[Frame], bool]


def check_kinds(kinds: Collection[str]) -> None:
    """Raises CliError (exit 2) for a kind that nothing has."""
    from node.scenario.lines import VERBS

    usual = (*NODE_KINDS, *FRAME_KINDS)
    known = {*usual, *SIM_KINDS, *VERBS}
    for kind in kinds:
        if kind not in known:
            near = difflib.get_close_matches(kind, sorted(known), n=1)
            meant = f"did you mean {near[0]}? " if near else ""
            raise usage(f"no event is a {kind!r}", f"{meant}there are {', '.join(usual)}")


def wanted(kinds: Collection[str] | None, everything: bool, oldest_ns: int) -> Wanted:
    """Which frames to show: of those kinds, else events and gaps; from then on (Unix time)."""

    def is_wanted(frame: Frame) -> bool:
        if frame.wall_ns < oldest_ns:
            return False
        if kinds:
            return _kind(frame) in kinds
        return everything or isinstance(frame, Happened | Gap)

    return is_wanted


def events(items: Iterator[Item], is_wanted: Wanted) -> Iterator[Event]:
    """What is wanted of it, as documents; marked where something newer was shown before."""
    newest_ns = 0
    for item in items:
        if is_wanted(item.frame):
            yield _event(item, is_late=item.frame.mono_ns < newest_ns)
            newest_ns = max(newest_ns, item.frame.mono_ns)


def _event(item: Item, is_late: bool) -> Event:
    frame = item.frame
    return Event(
        name(item.node_id),
        f"{frame.boot:016x}",
        frame.seq,
        frame.mono_ns,
        time_text(frame.wall_ns),
        _kind(frame),
        frame.term if isinstance(frame, Happened) else item.term,
        _data(frame),
        is_late,
    )


def name(node_id: int) -> str:
    """n3; and what happened to a simulated cluster as a whole is nobody's."""
    return f"n{node_id}" if node_id else "-"


def time_text(wall_ns: int) -> str:
    """Unix time as RFC 3339, with milliseconds; the last second there is for what lies beyond."""
    seconds = min(wall_ns / 1e9, 253_402_300_799.0)
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _kind(frame: Frame) -> str:
    match frame:
        case Happened():
            return frame.kind
        case Keyframe():
            return "status"
        case Changed():
            return "changed"
        case Bulk():
            return "applied"
        case Gap():
            return "gap"


def _data(frame: Frame) -> dict[str, Any]:
    match frame:
        case Happened():
            return frame.data
        case Keyframe():
            return frame.status
        case Changed():
            return frame.values
        case Bulk(first=first, last=last, window_ms=window_ms, entries=entries):
            return {"first": first, "last": last, "window_ms": window_ms, "entries": entries}
        case Gap(first=first, last=last, why=why):
            return {"first": first, "last": last, "why": why}


def line(event: Event) -> str:
    """In columns."""
    data = "  ".join(f"{key} {value}" for key, value in _shown(event))
    late = "  (late)" if event.late else ""
    head = f"{event.time[11:23]}  {event.node:4} {event.kind:9} term {event.term}"
    return escaped(f"{head}  {data}{late}")


def plain_line(event: Event) -> str:
    """In words and commas, to be read aloud."""
    parts = [f"{event.node} {event.kind}", f"term {event.term}"]
    parts += [f"{key} {value}".replace(",", " ") for key, value in _shown(event)]
    if event.late:
        parts.append("late")
    return escaped(f"{event.time[11:19]}, {', '.join(parts)}")


def _shown(event: Event) -> Iterator[tuple[str, str]]:
    """What stands in a line, of what is large only how it begins."""
    for key, value in event.data.items():
        if event.kind == "applied" and key == "entries":
            if value:
                yield "newest", _cut(str(value[-1].get("preview", value[-1].get("kind", ""))))
        else:
            yield key, _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 3] + "..."
