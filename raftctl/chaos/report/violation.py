"""What no order of the operations explains: the shortest part of the history that shows it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

from raftctl.chaos.report.elements import Child, element
from raftctl.checkdocs import CheckedOperation

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Violation:
    """Of one key; the culprit is the last of the operations."""

    key: str | None
    text: str
    why: str
    operations: list[CheckedOperation]
    left_out: int
    """So many more it would take to show it."""


def violation_in(document: Mapping[str, Any]) -> Violation | None:
    """That of a `raftctl.check/v1`; None: there is none. Raises KeyError, TypeError."""
    found, failed = document["explanation"], document["failed_key"]
    if found is None or failed is None:
        return None
    return Violation(
        key=None if failed["key"] is None else str(failed["key"]),
        text=str(found["text"]),
        why=str(failed["text"]),
        operations=[CheckedOperation(**each) for each in found["operations"]],
        left_out=int(found.get("left_out", 0)),
    )


def violation_parts(found: Violation) -> Iterator[Child]:
    """In words, and the operations as a table."""
    where: list[Child] = [] if found.key is None else ["key ", element("strong", found.key), ": "]
    yield element("p", *where, found.text, class_="why-not")
    if found.why not in ("", found.text):
        yield element("p", found.why)
    header = ("", "Op", "What", "Process", "Called", "Answered", "Lines of history.jsonl")
    yield element(
        "table",
        element("caption", "The operations that no order explains"),
        element("thead", element("tr", *(element("th", name, scope="col") for name in header))),
        element(
            "tbody",
            *(_row(each, is_culprit=each is found.operations[-1]) for each in found.operations),
        ),
    )
    if found.left_out:
        yield element("p", f"and {found.left_out:,} before them", class_="note")


def _row(each: CheckedOperation, is_culprit: bool) -> Element:
    sign = element("span", "✗", role="img", aria_label="this cannot be") if is_culprit else None
    lines = str(each.line) if each.end_line is None else f"{each.line}, {each.end_line}"
    cells: tuple[Child, ...] = (
        str(each.op), element("code", each.text), str(each.process), _seconds(each.from_ns),
        _seconds(each.to_ns), lines,
    )  # fmt: skip
    return element(
        "tr",
        element("td", sign, class_="culprit-sign"),
        *(element("td", cell) for cell in cells),
        class_="culprit" if is_culprit else None,
    )


def _seconds(time_ns: int | None) -> str:
    return "–" if time_ns is None else f"{time_ns / NS:.6f} s"
