"""When the cluster could be written to and read from, by the probes."""

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

from raftctl.chaos.availability import NS, Gap, gaps
from raftctl.chaos.probes import USUAL_NS
from raftctl.chaos.report.elements import element
from raftctl.chaos.report.reading import Answer
from raftctl.chaos.report.timeline import Axis, legend, track

ROW_PX = 26
KINDS = (("write", "writes"), ("read", "reads"))


def availability_track(axis: Axis, probes: Sequence[Answer]) -> Element | None:
    """None: there were no probes."""
    if not probes:
        return None
    lost = {kind: _lost(axis, probes, kind) for kind, _ in KINDS}
    drawn, texts = [], []
    for row, (kind, name) in enumerate(KINDS):
        drawn += list(_strip(axis, row * ROW_PX, lost[kind], name))
        longest = max((gap.length_ns for gap in lost[kind]), default=0)
        texts.append(f"{name}: {len(lost[kind])} gaps, the longest {longest / 1e6:.0f} ms")
    return track(
        axis,
        "Availability",
        f"By probes, 20 a second of each kind. {'; '.join(texts)}.",
        len(KINDS) * ROW_PX,
        drawn,
        left=[
            element("text", name, x="100%", dx=-8, y=row * ROW_PX + 17)
            for row, (_, name) in enumerate(KINDS)
        ],
        legend=legend(("up", "probes answered"), ("out", "no success")),
    )


def _lost(axis: Axis, probes: Sequence[Answer], kind: str) -> list[Gap]:
    answered = [round(each.at_s * NS) for each in probes if each.ok and each.kind == kind]
    last = max(each.at_s for each in probes)
    return [gap for gap in gaps(answered, 0, round(last * NS)) if gap.length_ns > USUAL_NS]


def _strip(axis: Axis, top: int, lost: Sequence[Gap], name: str) -> Iterator[Element]:
    yield element("rect", x="0", width="100%", y=top + 10, height=6, class_="up")
    for gap in lost:
        from_s, to_s = gap.from_ns / NS, gap.to_ns / NS
        text = f"{gap.length_ns / 1e6:,.0f} ms"
        title = f"{text} without a success of {name}, from {from_s:.2f} s"
        place = {"x": "50%", "y": "13", "class_": "inside"}
        yield element(
            "svg",
            element("title", title),
            element("rect", width="100%", height="100%", class_="out"),
            *axis.fitting(from_s, to_s, [text], **place),
            y=top + 4,
            height=18,
            **axis.span(from_s, to_s),
        )
