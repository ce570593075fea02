"""How many operations ended over time, and how long they took."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise
from xml.etree.ElementTree import Element

from raftctl.chaos.report.elements import element, percent, value_text
from raftctl.chaos.report.reading import Bin
from raftctl.chaos.report.timeline import Axis, curves, legend, track

HEIGHT = 110
STACKED = ("good", "bad", "unknown")
TITLES_MAX = 600
"""Where there are more bins than a screen has room for, they do not say each what they are."""


def rate_tracks(axis: Axis, bins: Sequence[Bin]) -> list[Element]:
    """None where nothing was measured."""
    if not bins:
        return []
    width_s = bins[1].at_s - bins[0].at_s if len(bins) > 1 else axis.end_s
    return [_throughput(axis, bins, width_s), _latency(axis, bins, width_s)]


# -- throughput ------------------------------------------------------------------------------------
def _throughput(axis: Axis, bins: Sequence[Bin], width_s: float) -> Element:
    most = max((each.ok + each.fail + each.info) / width_s for each in bins)
    top = _round_up(most)
    levels = [
        [0.0] * len(bins),
        [each.ok / width_s for each in bins],
        [(each.ok + each.fail) / width_s for each in bins],
        [(each.ok + each.fail + each.info) / width_s for each in bins],
    ]
    xs = [axis.x(each.at_s) for each in bins] + [axis.x(bins[-1].at_s + width_s)]
    areas = [
        element("path", d=_area(xs, low, high, HEIGHT / top), class_=name)
        for name, (low, high) in zip(STACKED, pairwise(levels), strict=True)
    ]
    ok = sum(each.ok for each in bins)
    return track(
        axis,
        "Throughput",
        f"Operations that ended, per second: at most {most:g}; {ok:,} succeeded.",
        HEIGHT,
        [curves(HEIGHT, *areas), *_levels(top, (0.5,)), *_columns(axis, bins, width_s)],
        left=_scale([(0, f"{top:g}"), (50, f"{top / 2:g}"), (100, "0")]),
        legend=legend(("good", "succeeded /s"), ("bad", "failed"), ("unknown", "outcome unknown")),
    )


def _area(xs: Sequence[float], low: Sequence[float], high: Sequence[float], scale: float) -> str:
    """Between two lines of steps: nothing where they are the same."""
    path: list[str] = []
    for is_there, places in groupby(range(len(low)), lambda place: high[place] > low[place]):
        if is_there:
            steps = list(places)
            path += ["M", *(_step(xs, place, high[place] * scale) for place in steps)]
            path += [_step(xs, place, low[place] * scale, -1) for place in reversed(steps)]
            path.append("Z")
    return "".join(path)


def _step(xs: Sequence[float], place: int, height: float, way: int = 1) -> str:
    y = value_text(HEIGHT - height)
    return "".join(f"{value_text(x)} {y} " for x in xs[place : place + 2][::way])


def _round_up(value: float) -> float:
    """To a number that has a nice half."""
    if value <= 0:
        return 1.0
    scale = 10.0 ** math.floor(math.log10(value))
    return next(step * scale for step in (1, 1.2, 1.6, 2, 3, 4, 6, 8, 10) if step * scale >= value)


# -- latency ---------------------------------------------------------------------------------------
LINES: tuple[tuple[str, str, Callable[[Bin], float | None]], ...] = (
    ("p50", "median", lambda each: each.p50_ms),
    ("p95", "p95", lambda each: each.p95_ms),
    ("p99", "p99", lambda each: each.p99_ms),
)


def _latency(axis: Axis, bins: Sequence[Bin], width_s: float) -> Element:
    shown = [each.max_ms for each in bins if each.max_ms] + [
        each.p50_ms for each in bins if each.p50_ms
    ]
    low = math.floor(math.log10(min(shown, default=1)))
    high = max(math.ceil(math.log10(max(shown, default=10))), low + 1)

    def y(took_ms: float) -> float:
        place = (math.log10(max(took_ms, 10.0**low)) - low) / (high - low)
        return (1 - place) * HEIGHT

    def x(each: Bin) -> float:
        return axis.x(each.at_s + width_s / 2)

    drawn = [
        element("path", d=_line([(x(b), took(b)) for b in bins], y), class_=f"line {name}")
        for name, _, took in LINES
    ]
    dots = [
        element(
            "circle",
            cx=percent(axis.at(each.at_s + width_s / 2)),
            cy=y(each.max_ms),
            r=2.2,
            class_="most",
        )
        for each in bins
        if each.max_ms
    ]
    labels = [
        ((1 - (power - low) / (high - low)) * 100, _duration(10.0**power))
        for power in range(low, high + 1)
    ]
    return track(
        axis,
        "Latency",
        f"Of operations that succeeded, per half second, at most {max(shown, default=0):g} ms.",
        HEIGHT,
        [
            *_levels(1, [1 - place / 100 for place, _ in labels[1:-1]]),
            curves(HEIGHT, *drawn),
            *dots,
            *_columns(axis, bins, width_s),
        ],
        left=_scale(labels),
        legend=legend(*((f"line {name}", text) for name, text, _ in LINES), ("most", "slowest")),
    )


def _line(points: Sequence[tuple[float, float | None]], y: Callable[[float], float]) -> str:
    """Broken where there is nothing."""
    path, is_drawing = [], False
    for x, took_ms in points:
        if took_ms is not None:
            path.append(f"{'L' if is_drawing else 'M'}{value_text(x)} {value_text(y(took_ms))}")
        is_drawing = took_ms is not None
    return "".join(path)


def _duration(milliseconds: float) -> str:
    return f"{milliseconds / 1000:g} s" if milliseconds >= 1000 else f"{milliseconds:g} ms"


# -- both ------------------------------------------------------------------------------------------
def _scale(labels: Sequence[tuple[float, str]]) -> Iterator[Element]:
    """Texts beside the drawing, by their height in per cent."""
    for place, text in labels:
        dy = 10 if place < 5 else 0 if place > 95 else 4
        yield element("text", text, x="100%", dx=-8, y=percent(place), dy=dy)


def _levels(top: float, places: Sequence[float]) -> Iterator[Element]:
    for place in places:
        y = percent((1 - place / top) * 100)
        yield element("line", x1="0", x2="100%", y1=y, y2=y, class_="grid")


def _columns(axis: Axis, bins: Sequence[Bin], width_s: float) -> Iterator[Element]:
    """What the pointer finds: the numbers of each bin."""
    if len(bins) > TITLES_MAX:
        return
    for each in bins:
        text = f"{each.at_s:g} s: {each.ok} succeeded, {each.fail} failed, {each.info} unknown"
        if each.max_ms is not None:
            text += f"; median {each.p50_ms:g}, p95 {each.p95_ms:g}, p99 {each.p99_ms:g}"
            text += f", slowest {each.max_ms:g} ms"
        span = axis.span(each.at_s, each.at_s + width_s)
        yield element("rect", element("title", text), y="0", height="100%", class_="hit", **span)
