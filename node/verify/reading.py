"""Events one after the other become the operations of a history."""

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from node.verify.history import (
    MARKS_MAX,
    NEVER,
    READS,
    SCHEMA,
    TYPES,
    CommandId,
    History,
    HistoryError,
    Mark,
)

NAMES_MAX = 64
"""Kinds of operations in one history."""
INTEGER_MAX = (1 << 63) - 2


def read_history(lines: Iterable[str]) -> History:
    """A history of JSON Lines. Raises HistoryError."""
    return history_of(_events(lines))


def history_of(events: Iterable[tuple[int, Mapping[str, Any]]]) -> History:
    """A history of events, each with its line, as another format may give them.
    Raises HistoryError.
    """
    recorder = Recorder()
    for line, event in events:
        recorder.take(line, event)
    return recorder.finished()


def _events(lines: Iterable[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    decode = json.JSONDecoder().decode
    for number, line in enumerate(lines, 1):
        try:
            event = decode(line)
        except (ValueError, RecursionError) as error:
            if not line.strip():
                continue
            raise HistoryError(number, f"cut short, or no JSON: {_why(error)}") from None
        if type(event) is not dict:
            raise HistoryError(number, "an event is an object: {...}")
        if "\\u" in line:
            refuse_half_characters(number, event)
        yield number, event


def refuse_half_characters(line: int, event: Mapping[str, Any]) -> None:
    """Raises HistoryError for half of a surrogate pair, which no text can be written with."""
    try:
        json.dumps(event, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start])[1:-1]
        raise HistoryError(line, f"{half} is half of a character") from None
    except RecursionError as error:
        raise HistoryError(line, _why(error)) from None


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.removesuffix(' at')} in column {error.colno}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


class Recorder:
    """Takes events in the order of their lines."""

    __slots__ = ("_commands", "_failed", "_history", "_keys", "_last", "_names", "_open", "_seen")

    def __init__(self) -> None:
        self._history = History()
        self._open: dict[int, int] = {}
        """By process, the operation that is under way."""
        self._keys: dict[Any, int] = {}
        self._names: dict[str, int] = {}
        self._commands: dict[int, CommandId] = {}
        self._failed: list[int] = []
        self._last = 0
        self._seen = 0

    def take(self, line: int, event: Mapping[str, Any]) -> None:
        """The event of a line. Raises HistoryError."""
        if "schema" in event:
            return self._head(line, event)
        time = self._time(line, event)
        process = event.get("process")
        kind = event.get("type")
        if kind not in TYPES:
            said = "no type" if kind is None else f"the type {kind!r}"
            raise HistoryError(line, f"{said}; there are {', '.join(TYPES)}")
        if type(process) is not int:
            return self._mark(line, event, time)
        if kind == "invoke":
            self._invoke(line, event, process, time)
        else:
            self._end(line, event, process, time)
        return None

    def _head(self, line: int, event: Mapping[str, Any]) -> None:
        if event["schema"] != SCHEMA:
            raise HistoryError(line, f"this is {event['schema']!r}, and no {SCHEMA}")
        if self._seen:
            raise HistoryError(line, "a header, which only the first line can be")
        history = self._history
        for name, wanted in (("model", str), ("name", str), ("nodes", int)):
            value = event.get(name)
            if value is not None and type(value) is not wanted:
                raise HistoryError(line, f"{name} is {value!r}, not {_ARTICLES[wanted]}")
            setattr(history, name, value)
        history.initial = event.get("initial")

    def _time(self, line: int, event: Mapping[str, Any]) -> int:
        time = event.get("time")
        if not self._seen:
            self._history.is_timed = time is not None
        self._seen += 1
        if not self._history.is_timed:
            if time is not None:
                raise HistoryError(line, "a time, where the events before have none")
            return line
        if type(time) is not int or not 0 <= time <= INTEGER_MAX:
            raise HistoryError(line, f"the time is {time!r}, not a whole number of nanoseconds")
        if time < self._last:
            raise HistoryError(line, f"time goes backwards, from {self._last} to {time}")
        self._last = time
        return time

    def _mark(self, line: int, event: Mapping[str, Any], time: int) -> None:
        name, process = event.get("f"), event.get("process")
        if type(process) is not str:
            raise HistoryError(line, f"the process is {process!r}, not a number")
        marks = self._history.marks
        if len(marks) < MARKS_MAX:
            value = event.get("value")
            marks.append(Mark(time, str(name), "" if value is None else str(value)))

    def _invoke(self, line: int, event: Mapping[str, Any], process: int, time: int) -> None:
        history = self._history
        if process in self._open:
            before = history.lines[self._open[process]]
            raise HistoryError(
                line, f"process {process} invokes, but what it invoked in line {before} has no end"
            )
        name, key = event.get("f"), event.get("key")
        code = self._names.get(name) if type(name) is str else None
        if code is None:
            code = self._new_name(line, name)
        place = self._keys.get(key) if type(key) in (str, int) or key is None else None
        if place is None:
            place = self._new_key(line, key)
        if not -INTEGER_MAX <= process <= INTEGER_MAX:
            raise HistoryError(line, f"the process is {process}, which is too large")
        operation = len(history.values)
        self._open[process] = operation
        history.key_codes.append(place)
        history.name_codes.append(code)
        history.processes.append(process)
        history.invoked.append(time)
        history.completed.append(NEVER)
        history.lines.append(line)
        history.end_lines.append(0)
        history.indices.append(0)
        history.values.append(event.get("value"))
        history.results.append(None)
        if "client" in event:
            self._commands[operation] = self._command(line, event)

    def _new_name(self, line: int, name: Any) -> int:  # noqa: ANN401 - whatever stands there
        if type(name) is not str:
            raise HistoryError(line, f"f is {name!r}, not the name of an operation")
        if len(self._names) == NAMES_MAX:
            raise HistoryError(line, f"more than {NAMES_MAX} kinds of operations")
        self._history.names.append(name)
        return self._names.setdefault(name, len(self._names))

    def _new_key(self, line: int, key: Any) -> int:  # noqa: ANN401
        if key is not None and type(key) not in (str, int):
            raise HistoryError(line, f"the key is {key!r}, not a text or a whole number")
        self._history.keys.append(key)
        return self._keys.setdefault(key, len(self._keys))

    def _command(self, line: int, event: Mapping[str, Any]) -> CommandId:
        client, sequence = event["client"], event.get("sequence")
        if type(client) is not int or type(sequence) is not int:
            raise HistoryError(line, "client and sequence are whole numbers, and go together")
        return client, sequence

    def _end(self, line: int, event: Mapping[str, Any], process: int, time: int) -> None:
        history = self._history
        operation = self._open.pop(process, None)
        kind = event["type"]
        if operation is None:
            raise HistoryError(line, f"process {process} ends with {kind} what it never invoked")
        name = history.names[history.name_codes[operation]]
        if event.get("f") != name:
            before = history.lines[operation]
            raise HistoryError(line, f"ends {event.get('f')!r}, but line {before} invoked {name!r}")
        if "key" in event and event["key"] != history.keys[history.key_codes[operation]]:
            raise HistoryError(line, "another key than in its invoke")
        history.end_lines[operation] = line
        if kind == "fail":
            self._failed.append(operation)
            return
        if "client" in event:
            self._commands[operation] = self._command(line, event)
        if kind == "info":
            return
        self._commands.pop(operation, None)
        history.completed[operation] = time
        history.results[operation] = event.get("value" if name in READS else "result")
        index = event.get("index")
        if index is not None:
            if type(index) is not int or not 0 < index <= INTEGER_MAX:
                raise HistoryError(line, f"the index is {index!r}, not one of a log")
            history.indices[operation] = index

    def finished(self) -> History:
        """The history; what surely failed, and what was asked and never answered, is not in it."""
        history = self._history
        history.commands = self._commands
        dropped = set(self._failed)
        reads = {code for code, name in enumerate(history.names) if name in READS}
        for operation, code in enumerate(history.name_codes):
            if code in reads and history.completed[operation] == NEVER:
                dropped.add(operation)
        if dropped:
            _drop(history, dropped)
        return history


_ARTICLES = {str: "a text", int: "a whole number"}


def _drop(history: History, dropped: set[int]) -> None:
    kept = array("I", (each for each in range(len(history)) if each not in dropped))
    for name in _COLUMNS:
        column = getattr(history, name)
        chosen = [column[operation] for operation in kept]
        setattr(history, name, array(column.typecode, chosen) if name in _ARRAYS else chosen)
    history.commands = {
        bisect_left(kept, operation): command
        for operation, command in history.commands.items()
        if operation not in dropped
    }


_ARRAYS = (
    "key_codes", "name_codes", "processes", "invoked", "completed", "lines", "end_lines", "indices",
)  # fmt: skip
_COLUMNS = (*_ARRAYS, "values", "results")
