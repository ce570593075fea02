"""A lane for each node: its role and term, when it was down, and how far it was behind."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from xml.etree.ElementTree import Element

from raftctl.chaos.report.elements import element, percent, value_text
from raftctl.chaos.report.lives import Life, Said, Span, behind, lives
from raftctl.chaos.report.timeline import CURVE_WIDTH, Axis, curves, legend, track

ROLE_PX = 20
LAG_PX = 22
LANE_PX = ROLE_PX + LAG_PX + 12
LAG_STEPS = 400
LOOKS = {"leader": "leader", "candidate": "candidate", "precandidate": "candidate"}
"""By role; all others are a follower's."""


def lane_track(axis: Axis, told: Sequence[Said]) -> Element | None:
    """None: no node told anything."""
    if not told:
        return None
    lags = behind(told, axis.end_s, LAG_STEPS)
    most = max(_most(lag) for lag in lags.values()) or 1
    drawn: list[Element] = []
    left: list[Element] = []
    for row, (node, found) in enumerate(lives(told).items()):
        top = row * LANE_PX + 6
        drawn += [
            *_down(axis, top, found, node),
            *_hits(axis, top, node),
            *(_role(axis, top, span, node) for life in found for span in life.spans),
            _lag(top + ROLE_PX + 2, lags[node], most),
        ]
        left += [
            element("text", f"n{node}", x="100%", dx=-8, y=top + 15, class_="node"),
            element("text", f"−{_most(lags[node]):,}", x="100%", dx=-8, y=top + ROLE_PX + LAG_PX),
        ]
    return track(
        axis,
        "Nodes",
        "Role and term of each, and how many committed entries it had still to apply: "
        + "; ".join(f"n{node} at most {_most(lag):,}" for node, lag in sorted(lags.items())),
        len(lags) * LANE_PX,
        drawn,
        left=left,
        legend=legend(
            ("leader", "leader"),
            ("follower", "follower"),
            ("candidate", "candidate"),
            ("down", "down"),
            ("hit-by", "named by a fault"),
            ("lag", f"entries behind (all to one scale, up to {most:,})"),
        ),
    )


def _most(lag: Sequence[int]) -> int:
    return max(lag, default=0)


def _role(axis: Axis, top: int, span: Span, node: int) -> Element:
    name = LOOKS.get(span.role, "follower")
    title = f"n{node}: {span.role}, term {span.term}, {span.from_s:.2f} to {span.to_s:.2f} s"
    texts = [f"{span.role}, term {span.term}", f"term {span.term}", str(span.term)]
    shown = texts if name == "leader" else texts[1:]
    return element(
        "svg",
        element("title", title),
        element("rect", width="100%", height="100%", class_=name),
        *axis.fitting(span.from_s, span.to_s, shown, x="5", y="14", class_=f"on-{name}"),
        y=top,
        height=ROLE_PX,
        **axis.span(span.from_s, span.to_s),
    )


def _down(axis: Axis, top: int, found: Sequence[Life], node: int) -> Iterator[Element]:
    """Between the last words of a life and the first ones of the next."""
    for before, after in pairwise(found):
        place = {"x": "50%", "y": "14", "class_": "on-down"}
        yield element(
            "svg",
            element("title", f"n{node}: down, {before.to_s:.2f} to {after.from_s:.2f} s"),
            element("rect", width="100%", height="100%", class_="down"),
            *axis.fitting(before.to_s, after.from_s, ["down"], **place),
            y=top,
            height=ROLE_PX,
            **axis.span(before.to_s, after.from_s),
        )


def _hits(axis: Axis, top: int, node: int) -> Iterator[Element]:
    """When something was done to this very node."""
    for fault in axis.faults:
        from_s, to_s = axis.fault_span(fault)
        if f"n{node}" in fault.nodes and not fault.why_not and to_s > from_s:
            title = element("title", f"step {fault.step}: {fault.resolved or fault.line}")
            span = axis.span(from_s, to_s)
            yield element("rect", title, y=top - 4, height=3, class_="hit-by", **span)


def _lag(top: int, lag: Sequence[int], most: int) -> Element:
    path = ["M0 0"]
    for step, entries in enumerate(lag):
        path.append(f"V{value_text(entries / most * LAG_PX)}")
        path.append(f"H{value_text((step + 1) * CURVE_WIDTH / LAG_STEPS)}")
    box = curves(LAG_PX, element("path", d="".join([*path, "V0Z"]), class_="lag"))
    return element("svg", box, x="0", width=percent(100), y=top, height=LAG_PX)
