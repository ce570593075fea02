"""Looking for an entry in a log, page by page. Pure but for whatever reads the pages."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

PAGE = 500
"""Entries that are looked at between two looks at the screen."""
Read = Callable[[int, int], Awaitable[Sequence[Mapping[str, Any]]]]
"""Reads entries from an index to another one: some from the first on; none: there are none."""


def is_found(entry: Mapping[str, Any], pattern: str) -> bool:
    """Whether the text stands in what the entry says, or is its term: 7 or t7."""
    term = str(entry.get("term", ""))
    words = f"{entry.get('kind', '')} {entry.get('preview', '')}".lower()
    return pattern.lower() in words or pattern.lower() in (term, f"t{term}")


async def find(
    read: Read, pattern: str, span: range, by: int, on_look: Callable[[int], None]
) -> int | None:
    """The index of the first entry of `span` that matches, of the last one with `by` < 0.

    `on_look` is told from where on it looks now. Raises what `read` raises.
    """
    first, last = span.start, span.stop - 1
    while first <= last:
        begin = first if by > 0 else max(last - PAGE + 1, first)
        end = min(begin + PAGE - 1, last)
        on_look(begin)
        entries = await _all(read, begin, end)
        hits = [entry["index"] for entry in entries if is_found(entry, pattern)]
        if hits:
            return int(hits[0] if by > 0 else hits[-1])
        first, last = (end + 1, last) if by > 0 else (first, begin - 1)
    return None


async def _all(read: Read, begin: int, end: int) -> list[Mapping[str, Any]]:
    """A node gives as much as goes into an answer: the rest is asked for."""
    found: list[Mapping[str, Any]] = []
    while begin <= end and (some := await read(begin, end)):
        found += some
        begin = int(some[-1]["index"]) + 1
    return found
