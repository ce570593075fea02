"""A TOML table, read key by key: wrong types, values out of bounds and unknown keys are refused."""

import math
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from node.config import unknown_key
from node.scenario.errors import ScenarioError
from node.scenario.quantities import duration_text, microseconds

T = TypeVar("T")

TEXT_LENGTH_MAX = 10_000
LENGTH_MAX = 100
"""Of a table of weights, and of a list of texts."""


class Table:
    """`path` is its dotted path (`step.2`, from 0), `title` what people know it as (`step 3`)."""

    def __init__(self, values: Mapping[str, Any], path: str = "", title: str = "") -> None:
        self._values = values
        self._path = path
        self._title = title or path
        self._known: dict[str, None] = {}

    def has(self, key: str) -> bool:
        return key in self._values

    def path(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def what(self, key: str) -> str:
        """The key as errors name it."""
        if not self._path:
            return key
        return f"{self._title}: {key}" if " " in self._title else f"{self._title}.{key}"

    def error(self, key: str, message: str, hint: str = "") -> ScenarioError:
        """The error that a key's value deserves; `message` goes on after the key."""
        return ScenarioError(f"{self.what(key)} {message}", hint, self.path(key))

    def missing(self, key: str, hint: str) -> ScenarioError:
        for near in get_close_matches(key, self._values, n=1, cutoff=0.5):
            found = unknown_key(near, near, {key: None})
            return ScenarioError(f"{self._title}: {found}", found.hint, self.path(near))
        where = f"{self._title} has no {key}" if self._title else f"{key} is missing"
        return ScenarioError(where, hint, self._path)

    def _take(self, key: str, kind: type[T], says: str) -> T | None:
        self._known[key] = None
        value = self._values.get(key)
        if value is None:
            return None
        if type(value) is not kind:
            raise self.error(key, f"has to be {says}, not {str(value)[:40]!r}")
        return value

    def text(self, key: str, default: str = "") -> str:
        value = self._take(key, str, "a text")
        if value is None:
            return default
        if len(value) > TEXT_LENGTH_MAX:
            raise self.error(key, "is too long", f"at most {TEXT_LENGTH_MAX} characters")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self._take(key, bool, "true or false")
        return default if value is None else value

    def integer(self, key: str, default: int, least: int, most: int) -> int:
        value = self._take(key, int, "a whole number")
        if value is None:
            return default
        if not least <= value <= most:
            raise self.error(key, f"is {value}", f"it has to be from {least} to {most}")
        return value

    def parsed(self, key: str, default: T, parse: Callable[[str], T]) -> T:
        """A text with a grammar of its own."""
        if not self.has(key):
            self._known[key] = None
            return default
        text = self.text(key)
        try:
            return parse(text)
        except ScenarioError as error:
            raise error.under(self.path(key), self.what(key)) from error

    def duration(self, key: str, default: T, least_us: int, most_us: int) -> int | T:
        """A duration in microseconds, within bounds."""
        duration_us = self.parsed(key, None, microseconds)
        if duration_us is None:
            return default
        if not least_us <= duration_us <= most_us:
            bounds = f"it has to be from {duration_text(least_us)} to {duration_text(most_us)}"
            raise self.error(key, f"is {self._values[key]}", bounds)
        return duration_us

    def table(self, key: str) -> "Table | None":
        """A table in it; None where it is missing."""
        value = self._take(key, dict, "a table")
        return None if value is None else Table(value, self.path(key))

    def tables(self, key: str) -> list["Table"]:
        """All `[[key]]`; none where they are missing."""
        value = self._take(key, list, "tables, each under its own [[header]]")
        found = value or []
        if any(type(each) is not dict for each in found):
            raise self.error(key, "has to be tables, each under its own [[header]]")
        return [
            Table(each, f"{self.path(key)}.{place}", f"{key} {place + 1}")
            for place, each in enumerate(found)
        ]

    def texts(self, key: str) -> list[str]:
        value = self._take(key, list, "a list of texts") or []
        if any(type(each) is not str for each in value):
            raise self.error(key, "has to be a list of texts")
        if len(value) > LENGTH_MAX:
            raise self.error(key, f"has {len(value)} texts", f"at most {LENGTH_MAX}")
        return value

    def is_list(self, key: str) -> bool:
        return type(self._values.get(key)) is list

    def options(self, most: int) -> dict[str, int | float | bool | str]:
        """The table as plain values, whatever its keys are."""
        found: dict[str, int | float | bool | str] = {}
        if len(self._values) > most:
            raise ScenarioError(f"{self._title} has more than {most} keys", "", self._path)
        for key, value in self._values.items():
            if type(value) not in (int, float, bool, str) or not math.isfinite(_number(value)):
                raise self.error(key, "has to be a number, a text, or true or false")
            found[key] = value
        return found

    def weights(self, known: Mapping[str, object] | None, most: int) -> dict[str, int]:
        """The table as weights from 1 to `most`, of these keys; None: of whatever keys there are.

        At least one is needed, and at most LENGTH_MAX are taken.
        """
        if not 1 <= len(self._values) <= LENGTH_MAX:
            hint = f"from 1 to {LENGTH_MAX}, each with its weight"
            raise ScenarioError(f"{self._title} has {len(self._values)} keys", hint, self._path)
        self._known.update(dict.fromkeys(self._values if known is None else known))
        self.finish()
        return {key: self.integer(key, 0, 1, most) for key in self._values}

    def durations(self, known: Mapping[str, object], least_us: int, most_us: int) -> dict[str, int]:
        """The table as durations in microseconds, of these keys."""
        self._known.update(dict.fromkeys(known))
        self.finish()
        return {key: self.duration(key, 0, least_us, most_us) for key in self._values}

    def finish(self) -> None:
        """Refuse what nobody has asked for."""
        unknown = [key for key in self._values if key not in self._known]
        for key in unknown[:1]:
            found = unknown_key(key, key, self._known)
            message = f"{self._title}: {found}" if self._title else str(found)
            raise ScenarioError(message, found.hint, self.path(key))


def _number(value: object) -> float:
    return value if isinstance(value, float) else 0.0
