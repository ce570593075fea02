"""Single values of a scenario, changed from outside: `workload.rate=200/s`."""

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from node.scenario.errors import ScenarioError


def overridden(values: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """What the text of a scenario holds, with these in the place of what it says. What is no
    number, truth or list is a text. Raises ScenarioError.
    """
    found = dict(values)
    for change in changes:
        key, sign, text = change.partition("=")
        names = key.strip().split(".")
        if not sign or not all(names):
            raise ScenarioError(f"{change!r} changes nothing", "like workload.rate=200/s")
        _put(found, names, _value(text.strip()), change)
    return found


def _put(table: dict[str, Any], names: Sequence[str], value: object, change: str) -> None:
    for name in names[:-1]:
        inner = table.get(name, {})
        if not isinstance(inner, Mapping):
            raise ScenarioError(f"{change!r}: {name} is no table", "like workload.rate=200/s")
        table[name] = inner = dict(inner)
        table = inner
    table[names[-1]] = value


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
