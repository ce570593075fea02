"""The axis that all drawings over time share, and the frame that each is drawn in.

Places on the axis are per cent of the width, so a drawing fits any window, and its texts keep their
size; only curves lie in a box that is stretched.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from raftctl.chaos.report.elements import Child, element, percent, value_text
from raftctl.chaosdocs import ChaosFault

CURVE_WIDTH = 1000
TICKS_MAX = 11
FINE = 10
"""So many parts has the step between two ticks, where the drawing is magnified."""
WIDTHS_PX = {"wide": 900, "narrow": 400}
"""A drawing has at least this width, by the classes of texts that the style sheet shows there."""
SCALES = (0.1, 1.0, 10.0, 60.0, 600.0, 3600.0)
LETTER_PX = 6.8
MARGIN_PX = 8


@dataclass(frozen=True, slots=True)
class Axis:
    """From the begin of the run to its end, with the faults that stand behind every drawing."""

    end_s: float
    faults: Sequence[ChaosFault]

    def at(self, seconds: float) -> float:
        """In per cent."""
        return min(max(seconds / self.end_s, 0.0), 1.0) * 100

    def span(self, from_s: float, to_s: float) -> dict[str, str]:
        """The attributes x and width of something that lasts."""
        left, right = self.at(from_s), self.at(to_s)
        return {"x": percent(left), "width": percent(max(right - left, 0.0))}

    def x(self, seconds: float) -> float:
        """In the units of a curve."""
        return self.at(seconds) * CURVE_WIDTH / 100

    def fitting(
        self, from_s: float, to_s: float, texts: Sequence[str], **attributes: str
    ) -> list[Element]:
        """The first of these texts that has room between the two moments, in a wide window and in a
        narrow one.
        """
        share = (self.at(to_s) - self.at(from_s)) / 100
        found = []
        for name, width_px in WIDTHS_PX.items():
            letters = (share * width_px - MARGIN_PX) / LETTER_PX
            text = next((each for each in texts if len(each) <= letters), None)
            if text is not None:
                class_ = f"{name} {attributes.get('class_', '')}".strip()
                found.append(element("text", text, **{**attributes, "class_": class_}))
        return found

    def fault_span(self, fault: ChaosFault) -> tuple[float, float]:
        """What is over at once, or for good, has no length."""
        began_s = fault.began_ms / 1000
        return began_s, began_s if fault.ended_ms is None else fault.ended_ms / 1000

    @property
    def step_s(self) -> float:
        """Between two ticks: a round number of seconds."""
        steps = (scale * digit for scale in SCALES for digit in (1, 2, 5))
        return next((each for each in steps if self.end_s / each <= TICKS_MAX), self.end_s)

    def ticks(self, parts: int = 1) -> list[float]:
        """Seconds, from 0, in so many parts of a step."""
        step_s = self.step_s / parts
        return [number * step_s for number in range(int(self.end_s / step_s) + 1)]


def track(
    axis: Axis,
    title: str,
    about: str,
    height: int,
    drawn: Iterable[Element],
    *,
    left: Iterable[Element] = (),
    legend: Child = None,
    note: Child = None,
) -> Element:
    """One drawing, in the row of the axis. `about` tells who cannot see it what it shows; `left` is
    drawn beside it, where its scale is.
    """
    drawing = element(
        "svg",
        element("title", f"{title}. {about}"),
        *_behind(axis),
        *drawn,
        class_="drawing",
        height=height,
        role="img",
        aria_label=f"{title}. {about}",
    )
    scale = element("svg", *left, class_="scale", height=height, aria_hidden="true")
    head = element("figcaption", element("strong", title), legend, class_="head")
    return element(
        "figure", head, scale, element("div", drawing, class_="plot"), note, class_="track"
    )


def _behind(axis: Axis) -> Iterable[Element]:
    """Bands of faults, and a line for each tick."""
    for tick in axis.ticks():
        x = percent(axis.at(tick))
        yield element("line", x1=x, x2=x, y1="0", y2="100%", class_="grid")
    for fault in axis.faults:
        from_s, to_s = axis.fault_span(fault)
        idle = " idle" if fault.why_not else ""
        if to_s > from_s:
            span = axis.span(from_s, to_s)
            yield element("rect", y="0", height="100%", class_=f"band{idle}", **span)
        for moment in sorted({from_s, to_s}):
            x = percent(axis.at(moment))
            yield element("line", x1=x, x2=x, y1="0", y2="100%", class_=f"edge{idle}")


def curves(height: float, *drawn: Element) -> Element:
    """A box from 0 to CURVE_WIDTH and from 0 to `height`, stretched over the whole drawing."""
    return element(
        "svg",
        *drawn,
        width="100%",
        height="100%",
        viewBox=f"0 0 {CURVE_WIDTH} {value_text(height)}",
        preserveAspectRatio="none",
    )


def ruler(axis: Axis) -> Element:
    """The seconds."""
    labels = []
    for number, tick in enumerate(axis.ticks(FINE)):
        place = axis.at(tick)
        anchor = "start" if place < 2 else "end" if place > 98 else "middle"
        labels.append(
            element(
                "text",
                f"{tick:g} s",
                x=percent(place),
                y="13",
                text_anchor=anchor,
                class_="fine" if number % FINE else None,
            )
        )
    drawing = element("svg", *labels, class_="drawing ruler", height=18, aria_hidden="true")
    return element(
        "div",
        element("span", class_="scale"),
        element("div", drawing, class_="plot", data_seconds=axis.end_s),
        class_="track",
    )


def legend(*entries: tuple[str, str]) -> Element:
    """`(class, text)` of each: a sample is drawn in that class."""
    return element(
        "span",
        *(
            element(
                "span",
                element(
                    "svg",
                    element("rect", x="0.5", y="1.5", width="17", height="9", class_=name),
                    width=18,
                    height=12,
                    aria_hidden="true",
                ),
                text,
            )
            for name, text in entries
        ),
        class_="legend",
    )
