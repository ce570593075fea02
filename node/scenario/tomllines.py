"""Where a key stands in a TOML file, found the way a reader would: the parser does not tell."""

import re
import tomllib
from collections import Counter

_PART = r"""(?:"[^"\n]*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_KEY = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_HEADER = re.compile(rf"\s*\[(\[?)[ \t]*({_KEY})[ \t]*\]")
_ASSIGNMENT = re.compile(rf"\s*({_KEY})[ \t]*=[ \t]*")
_INLINE = re.compile(rf"[{{,][ \t]*({_KEY})[ \t]*=")

Path = tuple[str, ...]


def line_of(text: str, key: str) -> int | None:
    """The line of a dotted key or table, from 1; None where it cannot be found.

    In `step.2.when`, 2 is the third `[[step]]`.
    """
    wanted = tuple(key.split("."))
    table: Path = ()
    seen: Counter[Path] = Counter()
    closing = ""
    for number, line in enumerate(text.splitlines(), 1):
        if closing:  # inside of a text of several lines nothing is a key
            closing = "" if closing in line else closing
            continue
        if header := _HEADER.match(line):
            table = _parts(header[2])
            if header[1]:
                seen[table] += 1
                table = (*table, str(seen[table] - 1))
            found = [table]
        elif assignment := _ASSIGNMENT.match(line):
            path = table + _parts(assignment[1])
            found = [path]
            closing = _left_open(line[assignment.end() :])
            if line.startswith("{", assignment.end()):
                found += [path + _parts(each) for each in _INLINE.findall(line, assignment.end())]
        else:
            continue
        if any(path[: len(wanted)] == wanted for path in found):
            return number
    return None


def _left_open(value: str) -> str:
    """The quotes that a text of several lines ends with, when this value begins one."""
    quotes = value[:3]
    is_open = quotes in ('"""', "'''") and quotes not in value[3:]
    return quotes if is_open else ""


def _parts(key: str) -> Path:
    """The parts of a key, without their quotes."""
    return tuple(_unquoted(part) for part in re.findall(_PART, key))


def _unquoted(part: str) -> str:
    if part[0] not in "\"'":
        return part
    try:
        return str(tomllib.loads(f"value = {part}")["value"])
    except tomllib.TOMLDecodeError:
        return part
