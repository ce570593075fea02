"""Histories as Jepsen and Maelstrom write them: an EDN map a line."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import edn_format  # type: ignore[import-untyped]

from node.verify.history import HistoryError
from node.verify.reading import refuse_half_characters

AT_ONCE = 100
"""Lines: the parser takes longer to begin than for a line, and forgets nothing until its end."""
TAG = re.compile(r"#([a-zA-Z][^\s,;\"\\(){}\[\]]*)")
BITS_MAX = 14_000
"""Of a whole number: Python writes no longer one."""
UNREADABLE = (
    edn_format.EDNDecodeError, NotImplementedError, RecursionError, SyntaxError, ValueError,
)  # fmt: skip

Event = tuple[int, dict[str, Any]]


def events_of(lines: Iterable[str]) -> list[Event]:
    """The events, in the shape of `node.verify.history`, with their lines. A history of several
    keys has them in its values there: [key, value]. Raises HistoryError.
    """
    events = [(line, _event(line, parsed)) for line, parsed in _parsed(enumerate(lines, 1))]
    if _are_keyed([event for _, event in events]):
        for line, event in events:
            # An end that has no value has the key of its invoke.
            if type(event["process"]) is int and event["value"] is not None:
                event["key"], event["value"] = _keyed(line, event["value"])
    return events


def _parsed(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, Any]]:
    while chunk := list(islice(lines, AT_ONCE)):
        full = [(line, text) for line, text in chunk if text.strip()]
        try:
            parsed = _load("".join(text for _, text in full))
        except UNREADABLE:
            parsed = []
        if len(parsed) == len(full):
            yield from zip((line for line, _ in full), parsed, strict=True)
        else:
            for line, text in full:
                yield from ((line, each) for each in _parsed_alone(line, text))


def _parsed_alone(line: int, text: str) -> list[Any]:
    """What is in a line: nothing, if it is a comment."""
    try:
        parsed = _load(text)
    except UNREADABLE as error:
        raise HistoryError(line, f"cut short, or no EDN: {_why(error)}") from None
    if len(parsed) > 1:
        raise HistoryError(line, f"{len(parsed)} things, where one map is expected")
    return parsed


def _load(text: str) -> list[Any]:
    """What has a tag is taken as it stands, whatever the tag."""
    for tag in set(TAG.findall(text)):
        edn_format.add_tag(tag, _as_it_stands)
    parsed: list[Any] = edn_format.loads_all(text, write_ply_tables=False)
    return parsed


def _why(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _event(line: int, parsed: Any) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(parsed, Mapping):
        raise HistoryError(line, "an event is a map: {...}")
    try:
        event = {str(_plain(name)): _plain(value) for name, value in parsed.items()}
    except (RecursionError, ValueError) as error:
        raise HistoryError(line, _why(error)) from None
    refuse_half_characters(line, event)
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
        return {_name(_plain(name)): _plain(each) for name, each in value.items()}
    if isinstance(value, edn_format.ImmutableList | frozenset | set | tuple | list):
        return [_plain(each) for each in value]
    if type(value) is int and value.bit_length() > BITS_MAX:
        raise ValueError(f"a number of {value.bit_length():,} bits")
    return value


def _name(plain: Any) -> Any:  # noqa: ANN401
    """In a map of JSON; what is neither a text nor a number is named as it is written."""
    return plain if type(plain) in (str, int) else str(plain)


def _keyed(line: int, value: Any) -> Any:  # noqa: ANN401
    if type(value) is not list or len(value) != 2:
        raise HistoryError(line, f"the value is {value!r}, where others are [key value]")
    return value


def _as_it_stands(value: Any) -> Any:  # noqa: ANN401
    return value
