"""A node's log, or two side by side: which entries both hold, and where they part."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tui.drawing.applied import SKIPPED
from tui.drawing.text import Line, fill, fit, number, printable, size, term_style

Document = Mapping[str, Any]
"""A log document, as ReadLog answers."""
Times = Callable[[int], tuple[str, str]]
TIMES_WIDTH = 20
TIMES_COLUMNS_MIN = 96
KIND_COLUMNS_MIN = 76


def entries_of(document: Document | None) -> dict[int, Document]:
    """By index."""
    if document is None:
        return {}
    return {int(entry["index"]): entry for entry in document.get("entries", ())}


def _state(index: int, document: Document) -> tuple[str, str]:
    if index <= document.get("last_applied", 0):
        return "applied", "good"
    if index <= document.get("commit_index", 0):
        return "commit", "accent"
    return "pending", "warn"


def gaps(indexes: Sequence[int]) -> int:
    """How many lines tell of entries in between that are not known."""
    return sum(after > before + 1 for before, after in pairwise(indexes))


def log_lines(
    one: Document,
    other: Document | None,
    names: tuple[str, str],
    width: int,
    indexes: Sequence[int],
    *,
    chosen: int | None = None,
    times: Times | None = None,
) -> list[Line]:
    """These entries; with `other` how that log differs, marked where it does.

    `chosen`: the one that the keys are about. `times`: when each was proposed, and how long its
    commit took, where there is room for that. Where it is narrow, what the entry says comes before
    its kind and its size.
    """
    ours, theirs = entries_of(one), entries_of(other)
    times = times if width >= TIMES_COLUMNS_MIN else None
    is_wide = width >= KIND_COLUMNS_MIN
    room = max(width - (43 if is_wide else 27) - (TIMES_WIDTH if times else 0), 12)
    left = room // 2 if other is not None else room
    heading = f"   {'INDEX':>10} {'TERM':>4} "
    heading += f"{'KIND':<8}{'STATE':<8}{'SIZE':>6}  " if is_wide else f"{'STATE':<8}"
    heading += f"{'PROPOSED':<11}{'COMMIT Δ':<9}" if times else ""
    heading += f"{names[0]:<{left}}" + (f"│ {names[1]}" if other is not None else "")
    lines: list[Line] = [fill([(heading, "dim")], width)]
    before: int | None = None
    for index in indexes:
        if before is not None and index > before + 1:
            words = f"  {SKIPPED:>10}  {number(index - before - 1)} that nobody described"
            lines.append(fill([(words, "dim")], width))
        before = index
        entry = ours.get(index) or theirs[index]
        differs = other is not None and _differs(ours.get(index), theirs.get(index))
        state, style = _state(index, one if index in ours else other or one)
        term = int(entry.get("term", 0))
        line: Line = [("▸", "chosen bold") if index == chosen else (" ", "")]
        line.append(("≠", "bad bold") if differs else (" ", ""))
        line.append((f" {number(index):>10} ", "bold" if differs or index == chosen else ""))
        line.append((f"{term:>4} ", term_style(term)))
        if is_wide:
            line.append((f"{entry.get('kind', '?'):<8}", "dim"))
        line.append((f"{state:<8}", style))
        if is_wide:
            line.append((f"{size(entry.get('bytes', 0)):>6}  ", "dim"))
        if times:
            proposed, took = times(index)
            line.append((f"{proposed:<11}{took:<9}", "dim"))
        line.append((fit(_preview(ours.get(index), None), left), ""))
        if other is not None:
            words = _preview(theirs.get(index), term if differs else None)
            shown = ("│ " + words, "bad") if differs else ("│ =", "dim")
            line.append(shown)
        lines.append(fill(line, width))
    return lines


def _differs(one: Document | None, other: Document | None) -> bool:
    return one is None or other is None or one.get("term") != other.get("term")


def _preview(entry: Document | None, than: int | None) -> str:
    """What the entry says; with its term where that is another one than `than`."""
    if entry is None:
        return "absent"
    words = printable(str(entry.get("preview", ""))) or str(entry.get("kind", "?"))
    return words if than is None or entry.get("term") == than else f"t{entry.get('term')} {words}"


def verdict(one: Document, other: Document, names: tuple[str, str]) -> Line:
    """Whether what differs may differ: only what neither committed."""
    ours, theirs = entries_of(one), entries_of(other)
    parted = [
        index
        for index in sorted(ours.keys() & theirs.keys())
        if ours[index].get("term") != theirs[index].get("term")
    ]
    committed = min(one.get("commit_index", 0), other.get("commit_index", 0))
    if any(index <= committed for index in parted):
        return [(f" ILLEGAL: both committed different entries at {number(parted[0])}", "bad bold")]
    if parted:
        words = f" legal: they part at {number(parted[0])}, which is not committed on both"
        return [(f"{words}; it will be truncated on one of them", "warn")]
    ends = one.get("last_index", 0), other.get("last_index", 0)
    if ends[0] == ends[1]:
        return [(" the same as far as shown", "good")]
    behind = names[0] if ends[0] < ends[1] else names[1]
    count = abs(ends[0] - ends[1])
    entries = "one entry" if count == 1 else f"{number(count)} entries"
    return [(f" {behind} is {entries} behind", "accent")]
