"""Histories as Jepsen and Maelstrom write them: an EDN map a line."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import edn_format  # type: ignore[import-untyped]

from node.verify.history import HistoryError

AT_ONCE = 100
"""Lines: the parser takes longer to begin than for a line, and forgets nothing until its end."""
TAGS = ("error", "jepsen.history.Op", "object")
"""What Jepsen tags; what is in them is taken as it stands."""

Event = tuple[int, dict[str, Any]]


def events_of(lines: Iterable[str]) -> list[Event]:
    """The events, in the shape of `node.verify.history`, with their lines. A history of several
    keys has them in its values there: [key, value]. Raises HistoryError.
    """
    for tag in TAGS:
        edn_format.add_tag(tag, _as_it_stands)
    events = [(line, _event(line, parsed)) for line, parsed in _parsed(enumerate(lines, 1))]
    if _are_keyed([event for _, event in events]):
        for _, event in events:
            if type(event["process"]) is int:
                event["key"], event["value"] = event["value"]
    return events


def _parsed(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, Any]]:
    while chunk := list(islice(lines, AT_ONCE)):
        full = [(line, text) for line, text in chunk if text.strip()]
        try:
            parsed = _load("".join(text for _, text in full))
        except (edn_format.EDNDecodeError, NotImplementedError, SyntaxError, ValueError):
            parsed = []
        if len(parsed) == len(full):
            yield from zip((line for line, _ in full), parsed, strict=True)
        else:
            yield from (_parsed_alone(line, text) for line, text in full)


def _parsed_alone(line: int, text: str) -> tuple[int, Any]:
    try:
        parsed = _load(text)
    except (edn_format.EDNDecodeError, NotImplementedError, SyntaxError, ValueError) as error:
        raise HistoryError(line, f"cut short, or no EDN: {error}") from None
    if len(parsed) != 1:
        raise HistoryError(line, f"{len(parsed)} things, where one map is expected")
    return line, parsed[0]


def _load(text: str) -> list[Any]:
    parsed: list[Any] = edn_format.loads_all(text, write_ply_tables=False)
    return parsed


def _event(line: int, parsed: Any) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(parsed, Mapping):
        raise HistoryError(line, "an event is a map: {...}")
    event = {str(_plain(name)): _plain(value) for name, value in parsed.items()}
    event.pop("index", None)  # the number of the event, and none of a log
    event.setdefault("process", None)
    event.setdefault("value", None)
    if event.get("time", 0) is None:
        del event["time"]
    return event


def _are_keyed(events: list[dict[str, Any]]) -> bool:
    asked = [
        event for event in events if event.get("type") == "invoke" and type(event["process"]) is int
    ]
    return bool(asked) and all(
        type(event["value"]) is list
        and len(event["value"]) == 2
        and (event.get("f") != "cas" or type(event["value"][1]) is list)
        for event in asked
    )


def _plain(value: Any) -> Any:  # noqa: ANN401
    """As JSON would have it."""
    if isinstance(value, edn_format.Keyword | edn_format.Symbol):
        return value.name
    if isinstance(value, Mapping):
        return {_plain(name): _plain(each) for name, each in value.items()}
    if isinstance(value, edn_format.ImmutableList | frozenset | set | tuple | list):
        return [_plain(each) for each in value]
    return value


def _as_it_stands(value: Any) -> Any:  # noqa: ANN401
    return value
