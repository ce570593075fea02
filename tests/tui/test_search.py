"""Looking for an entry in a log: everywhere, in both directions, whatever an answer holds."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.search import PAGE, find, is_found

ENTRY = {"index": 7, "term": 3, "kind": "command", "preview": 'put Spam "eggs"'}


@pytest.mark.parametrize(
    ("pattern", "is_there"),
    [("spam", True), ("EGGS", True), ("t3", True), ("3", True), ("t7", False), ("noop", False)],
)
def test_texts_and_terms_are_found(pattern: str, is_there: bool) -> None:
    assert is_found(ENTRY, pattern) is is_there


@given(
    st.integers(1, 3 * PAGE),
    st.sets(st.integers(1, 3 * PAGE), max_size=4),
    st.integers(1, PAGE),
    st.sampled_from([1, -1]),
)
def test_the_nearest_one_is_found(last: int, hits: set[int], answer: int, by: int) -> None:
    async def read(first: int, end: int) -> list[dict[str, Any]]:
        """As a node does: not more than goes into an answer."""
        indexes = range(first, min(end, first + answer - 1, last) + 1)
        return [{"index": at, "term": 1, "preview": "x" if at in hits else "-"} for at in indexes]

    looked: list[int] = []
    found = asyncio.run(find(read, "x", range(1, last + 1), by, looked.append))
    inside = [hit for hit in hits if hit <= last]
    assert found == ((min(inside) if by > 0 else max(inside)) if inside else None)
    assert looked
