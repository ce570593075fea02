"""What a fault may be called: nothing that means something else in a line. And a link's name."""

import re

from node.faults import NAME_LENGTH_MAX
from node.scenario.errors import ScenarioError
from node.scenario.selectors import WORDS

_NAME = re.compile(rf"[A-Za-z][A-Za-z0-9_-]{{0,{NAME_LENGTH_MAX - 1}}}")


def check_fault_name(name: str) -> None:
    """A name that `heal` cannot take for anything else. Raises ScenarioError."""
    if not _NAME.fullmatch(name):
        hint = f"a letter, then letters, digits, - and _, at most {NAME_LENGTH_MAX}"
        raise ScenarioError(f"{name!r} is no name for a fault", hint)
    if name in WORDS or re.fullmatch(r"n[0-9]+", name):
        raise ScenarioError(f"{name!r} is no name for a fault", "it means nodes, or all faults")


def link_of(text: str) -> tuple[int, int] | None:
    """The ids that `n1:n2` or `1:2` joins; None for what is no such link."""
    found = re.fullmatch(r"n?([0-9]{1,18}):n?([0-9]{1,18})", text)
    return (int(found[1]), int(found[2])) if found else None
