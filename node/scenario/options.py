"""The words and options of a line, taken apart the way the command line does."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from node.scenario.errors import ScenarioError

Kind = Literal["value", "values", "flag"]

OF_EVERY_VERB: Mapping[str, Kind] = {
    "-c": "value",
    "--cluster": "value",
    "-o": "value",
    "--output": "value",
    "--timeout": "value",
    "--home": "value",
    "-q": "flag",
    "--quiet": "flag",
    "-v": "flag",
    "--verbose": "flag",
    "--no-color": "flag",
    "--ascii": "flag",
    "-y": "flag",
    "--yes": "flag",
}
"""How raftctl talks, and to whom: read over, so that what was typed pastes in."""


@dataclass(frozen=True, slots=True)
class Given:
    """What stands in a line: its words, and the values of its options in their order."""

    words: list[str] = field(default_factory=list)
    options: dict[str, list[str]] = field(default_factory=dict)

    def has(self, option: str) -> bool:
        return option in self.options

    def value(self, option: str) -> str | None:
        """None where it was not given."""
        return self.options[option][-1] if option in self.options else None

    def text(self, option: str, default: str) -> str:
        return self.options.get(option, [default])[-1]

    def values(self, option: str) -> tuple[str, ...]:
        return tuple(self.options.get(option, ()))


def read_options(words: Sequence[str], own: Mapping[str, Kind]) -> Given:
    """Sort words into arguments and options. Raises ScenarioError."""
    given = Given()
    known = {**OF_EVERY_VERB, **own}
    rest = iter(words)
    for word in rest:
        if word == "--":
            given.words.extend(rest)
        elif word.startswith("-") and word != "-":
            name, value = _option(word, rest, known)
            if name in own:
                given.options.setdefault(name, []).append(value)
        else:
            given.words.append(word)
    if dashed := [word for word in given.words if word.startswith("-")]:
        raise ScenarioError(f"{dashed[0]!r} means nothing here")
    for name, values in given.options.items():
        if own[name] != "values" and len(values) > 1:
            raise ScenarioError(f"{name} stands twice", "once is enough")
    return given


def verb_of(words: Sequence[str]) -> tuple[str, list[str]]:
    """The verb of a line and what else stands in it, options before the verb included."""
    rest = iter(words)
    before: list[str] = []
    for word in rest:
        if not word.startswith("-"):
            return word, [*before, *rest]
        name, value = _option(word, rest, OF_EVERY_VERB)
        before += [name] if OF_EVERY_VERB[name] == "flag" else [name, value]
    raise ScenarioError("which verb?", "a line of raftctl, like: kill leader")


def _option(word: str, rest: Iterator[str], known: Mapping[str, Kind]) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        options = ", ".join(each for each in known if each not in OF_EVERY_VERB)
        hint = f"did you mean {near[0]}?" if near else f"the options here are: {options or 'none'}"
        raise ScenarioError(f"there is no option {name}", hint)
    if known[name] == "flag":
        if equals:
            raise ScenarioError(f"{name} takes no value", name)
        return name, ""
    if not equals:
        following = next(rest, None)
        if following is None:
            raise ScenarioError(f"{name} needs a value", f"{name} VALUE")
        value = following
    return name, value
