"""Lines over an axis, as SVG that reads on light and on dark pages."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, indent, tostring

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 20, 45
INK = "#808080"
COLORS = ("#3f7fd6", "#d2691e", "#3a9d5d", "#a05fc0")
DASHES = ("", "6 4", "2 3", "8 3 2 3")
"""So that lines differ without their colours too."""
TICKS_MAX = 8


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places, even or logarithmic; `ticks` are round numbers."""

    least: float
    most: float
    is_log: bool

    @classmethod
    def of(cls, values: Sequence[float], is_log: bool, begin: float | None = None) -> "Scale":
        """Fits the values. `begin`: where it begins, whatever they are."""
        least = min(values) if begin is None else begin
        most = max(values)
        return cls(least, most if most > least else least + 1, is_log)

    def at(self, value: float) -> float:
        """From 0 to 1."""
        if self.is_log:
            return math.log(value / self.least) / math.log(self.most / self.least)
        return (value - self.least) / (self.most - self.least)

    def ticks(self) -> list[float]:
        found = self._decades() if self.is_log else self._even()
        return [value for value in found if self.least <= value <= self.most * (1 + 1e-9)]

    def _decades(self) -> list[float]:
        decades = range(math.floor(math.log10(self.least)), math.ceil(math.log10(self.most)) + 1)
        every = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
        inside = [value for value in every if self.least <= value <= self.most]
        return inside if len(inside) <= TICKS_MAX else [10.0**decade for decade in decades]

    def _even(self) -> list[float]:
        span = self.most - self.least
        power = 10.0 ** math.floor(math.log10(span))
        steps = (power / 10 * digit for digit in (1, 2, 5, 10, 20, 50, 100))
        step = next(each for each in steps if span / each <= TICKS_MAX)
        first = math.ceil(self.least / step)
        return [number * step for number in range(first, first + TICKS_MAX + 2)]


def drawing(
    lines: Mapping[str, Points], x_label: str, y_label: str, is_log: tuple[bool, bool]
) -> str:
    """The SVG. `is_log`: of each axis."""
    xs = [x for points in lines.values() for x, _ in points]
    ys = [y for points in lines.values() for _, y in points]
    x_scale = Scale.of(xs, is_log[0])
    y_scale = Scale.of(ys, is_log[1], None if is_log[1] else 0.0)
    root = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {WIDTH} {HEIGHT}",
            "font-family": "sans-serif",
            "font-size": "12",
        },
    )
    _axes(root, x_scale, y_scale, x_label, y_label)
    for place, (name, points) in enumerate(lines.items()):
        color, dash = COLORS[place % len(COLORS)], DASHES[place % len(DASHES)]
        style = {"stroke": color, "stroke-width": "2", "fill": "none", "stroke-dasharray": dash}
        corners = " ".join(f"{_x(x_scale, x):.1f},{_y(y_scale, y):.1f}" for x, y in points)
        SubElement(root, "polyline", {"points": corners, **style})
        for x, y in points:
            where = {"cx": f"{_x(x_scale, x):.1f}", "cy": f"{_y(y_scale, y):.1f}"}
            SubElement(root, "circle", {**where, "r": "2.5", "fill": color})
        top = TOP + 18 * place + 6
        ends = {"x1": str(WIDTH - RIGHT + 12), "x2": str(WIDTH - RIGHT + 38)}
        SubElement(root, "line", {**ends, "y1": str(top), "y2": str(top), **style})
        _text(root, WIDTH - RIGHT + 44, top + 4, name, "start")
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _axes(root: Element, x_scale: Scale, y_scale: Scale, x_label: str, y_label: str) -> None:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    grid = {"stroke": INK, "stroke-width": "0.5", "stroke-opacity": "0.5"}
    for value in x_scale.ticks():
        x = f"{_x(x_scale, value):.1f}"
        SubElement(root, "line", {"x1": x, "x2": x, "y1": str(TOP), "y2": str(bottom), **grid})
        _text(root, float(x), bottom + 16, _short(value), "middle")
    for value in y_scale.ticks():
        y = f"{_y(y_scale, value):.1f}"
        SubElement(root, "line", {"x1": str(LEFT), "x2": str(right), "y1": y, "y2": y, **grid})
        _text(root, LEFT - 6, float(y) + 4, _short(value), "end")
    _text(root, (LEFT + right) / 2, HEIGHT - 8, x_label, "middle")
    label = _text(root, 14, (TOP + bottom) / 2, y_label, "middle")
    label.set("transform", f"rotate(-90 14 {(TOP + bottom) / 2:g})")


def _x(scale: Scale, value: float) -> float:
    return LEFT + scale.at(value) * (WIDTH - RIGHT - LEFT)


def _y(scale: Scale, value: float) -> float:
    return HEIGHT - BOTTOM - scale.at(value) * (HEIGHT - BOTTOM - TOP)


def _text(root: Element, x: float, y: float, text: str, anchor: str) -> Element:
    where = {"x": f"{x:g}", "y": f"{y:g}", "text-anchor": anchor, "fill": INK}
    made = SubElement(root, "text", where)
    made.text = text
    return made


def _short(value: float) -> str:
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
