"""What was done to the cluster, a bar each."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from raftctl.chaos.report.elements import element, percent
from raftctl.chaos.report.timeline import Axis, track

ROW_PX = 22
NAME_LENGTH_MAX = 60
"""What is longer, such as many links, is shown as it was written; pointing at it shows all."""


def fault_track(axis: Axis) -> Element | None:
    """None: nothing was done."""
    if not axis.faults:
        return None
    names = "; ".join(f"{fault.step} {fault.resolved or fault.line}" for fault in axis.faults)
    return track(
        axis,
        "Faults",
        names,
        len(axis.faults) * ROW_PX + 2,
        _bars(axis),
        left=_numbers(axis),
    )


def _bars(axis: Axis) -> Iterator[Element]:
    for row, fault in enumerate(axis.faults):
        from_s, to_s = axis.fault_span(fault)
        top = row * ROW_PX + 3
        idle = " idle" if fault.why_not else ""
        what = fault.resolved or fault.line
        shown = element("g", element("title", f"step {fault.step}: {what}. {fault.why_not}"))
        left, right = axis.at(from_s), axis.at(to_s)
        if to_s > from_s:
            bar = element(
                "rect", y=top, height=16, rx=3, class_=f"fault{idle}", **axis.span(from_s, to_s)
            )
        else:
            bar = element("circle", cx=percent(left), cy=top + 8, r=5, class_=f"fault{idle}")
        shown.append(bar)
        is_left = left > 100 - right and left > 45
        short = what if len(what) <= NAME_LENGTH_MAX else fault.line
        text = ("∅ " if fault.why_not else "") + (f"{fault.name}: " if fault.name else "") + short
        shown.append(
            element(
                "text",
                text,
                x=percent(right if is_left else left),
                dx=-7 if is_left else 7,
                y=top + 12,
                text_anchor="end" if is_left else "start",
                class_="fault-name",
            )
        )
        yield shown


def _numbers(axis: Axis) -> Iterator[Element]:
    for row, fault in enumerate(axis.faults):
        yield element("text", str(fault.step), x="100%", dx=-8, y=row * ROW_PX + 15)
