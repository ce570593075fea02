"""Single operations over time: those of the keys that have something to see."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

from raftctl.chaos.report.asked import Asked
from raftctl.chaos.report.elements import element, percent
from raftctl.chaos.report.timeline import Axis, legend, track
from raftctl.chaos.report.violation import Violation

OPERATIONS_MAX = 2000
KEYS_MAX = 10
ROW_PX = 11
GAP_PX = 9
VALUE_LENGTH_MAX = 60
KEY_LENGTHS = {"wide": 13, "narrow": 8}
"""What has room beside the drawing, as WIDTHS_PX."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some operations, by key, and how many there are of which these are some."""

    by_key: dict[str, list[Asked]]
    total: int
    keys: int

    @property
    def shown(self) -> int:
        return sum(map(len, self.by_key.values()))


def chosen(operations: Sequence[Asked], first: str | None = None) -> Chosen:
    """The key `first`, then keys with operations that failed, or of which nobody knows, then
    those that took longest. So it is with the operations of the first key, where they alone are too
    many.
    """
    by_key: dict[str, list[Asked]] = defaultdict(list)
    for each in operations:
        by_key[each.key].append(each)
    ranked = sorted(
        by_key.values(), key=lambda mine: (mine[0].key == first, *_interest(mine)), reverse=True
    )
    found: dict[str, list[Asked]] = {}
    left = OPERATIONS_MAX
    for mine in ranked[:KEYS_MAX]:
        if found and len(mine) > left:
            break
        some = sorted(mine, key=lambda each: (each.outcome != "ok", each.took_ms), reverse=True)
        found[mine[0].key] = sorted(some[:left], key=lambda each: each.from_s)
        left -= len(mine)
    return Chosen(found, len(operations), len(by_key))


def _interest(mine: Sequence[Asked]) -> tuple[int, float]:
    odd = sum(each.outcome != "ok" for each in mine)
    return odd, max(each.took_ms for each in mine)


def operation_track(
    axis: Axis, operations: Sequence[Asked], violation: Violation | None
) -> Element | None:
    """None: nobody asked anything."""
    if not operations:
        return None
    shown = chosen(operations, None if violation is None else violation.key)
    drawn: list[Element] = []
    left: list[Element] = []
    top = 4
    for key, mine in shown.by_key.items():
        rows = _packed(mine)
        left += [
            element("text", _tail(key, length), x="100%", dx=-8, y=top + 9, class_=name)
            for name, length in KEY_LENGTHS.items()
        ]
        for row, few in enumerate(rows):
            drawn += [_bar(axis, top + row * ROW_PX, each) for each in few]
        top += len(rows) * ROW_PX + GAP_PX
        y = top - GAP_PX // 2
        drawn.append(element("line", x1="0", x2="100%", y1=y, y2=y, class_="grid"))
    note = f"{_extent(shown)} Point at one to see it whole; zoom in to read values."
    return track(
        axis,
        "Operations",
        note,
        top,
        drawn,
        left=left,
        legend=legend(
            ("op read", "read"),
            ("op write", "write"),
            ("op miss", "found another value"),
            ("op fail", "failed"),
            ("op info", "outcome unknown"),
        ),
        note=element("p", note, class_="note"),
    )


def _extent(shown: Chosen) -> str:
    if shown.shown == shown.total:
        return f"All {shown.total:,} operations."
    return (
        f"{shown.shown:,} of {shown.total:,} operations, on {len(shown.by_key)} of {shown.keys} "
        "keys: first those that failed or whose outcome is unknown, then the slowest."
    )


def _packed(mine: Sequence[Asked]) -> list[list[Asked]]:
    """In as many rows as there were operations at once."""
    rows: list[list[Asked]] = []
    for each in mine:
        free = next((row for row in rows if row[-1].to_s <= each.from_s), None)
        if free is None:
            rows.append([each])
        else:
            free.append(each)
    return rows


def _bar(axis: Axis, top: int, each: Asked) -> Element:
    left = axis.at(each.from_s)
    width = max(axis.at(each.to_s) - left, 0.1)
    return element(
        "svg",
        element("title", told(each)),
        element("rect", width="100%", height="100%", class_=f"op {_look(each)}"),
        element("text", _short(each), x="3", y="8", class_="value"),
        x=percent(left),
        width=percent(width),
        y=top,
        height=ROW_PX - 1,
    )


def _look(each: Asked) -> str:
    if each.outcome != "ok":
        return each.outcome
    if each.result is False:
        return "miss"
    return "read" if each.f == "read" else "write"


def told(each: Asked) -> str:
    """An operation, in words."""
    called = f"process {each.process}: {each.f} {each.key}"
    called += "" if each.value is None else f" {_value(each.value)}"
    lasted = f"{each.from_s:.3f} to {each.to_s:.3f} s, {each.took_ms:.1f} ms"
    if each.outcome != "ok":
        what = "failed" if each.outcome == "fail" else "outcome unknown"
        return f"{called} → {what}, {each.error} ({lasted})"
    came = "found another value" if each.result is False else "ok"
    if each.answer != each.value or each.f == "read":
        came += f" {_value(each.answer)}"
    at_index = "" if each.index is None else f", index {each.index}"
    return f"{called} → {came}{at_index} ({lasted})"


def _short(each: Asked) -> str:
    value = each.answer if each.f == "read" and each.outcome == "ok" else each.value
    if each.f == "cas" and isinstance(value, list):
        text = "→".join(map(_value, value))
    else:
        text = "" if value is None and each.f != "read" else _value(value)
    return f"{each.f[:1]} {_cut(text, 14)}"


def _value(value: Any) -> str:  # noqa: ANN401
    if value is None:
        return "∅"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _cut(text, VALUE_LENGTH_MAX)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _tail(text: str, length: int) -> str:
    """Keys differ at their ends."""
    return text if len(text) <= length else "…" + text[1 - length :]
