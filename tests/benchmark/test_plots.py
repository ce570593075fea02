"""Drawings: round numbers on their axes, and every point inside."""

from xml.etree.ElementTree import fromstring

import pytest

from tests.benchmark.plots import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Scale, drawing

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("least", "most", "is_log", "ticks"),
    [
        (0, 9, False, [0, 2, 4, 6, 8]),
        (0, 27_255, False, [0, 5000, 10_000, 15_000, 20_000, 25_000]),
        (1, 1000, True, [1, 10, 100, 1000]),
        (40, 1600, True, [50, 100, 200, 500, 1000]),
        (16, 1_000_000, True, [100, 1000, 10_000, 100_000, 1_000_000]),
    ],
)
def test_ticks_are_round_numbers_within_the_axis(
    least: float, most: float, is_log: bool, ticks: list[float]
) -> None:
    assert Scale(least, most, is_log).ticks() == pytest.approx(ticks)


def test_one_value_alone_has_an_axis_too() -> None:
    scale = Scale.of([5.0], False)
    assert scale.at(5.0) == 0
    assert scale.ticks()


@pytest.mark.parametrize("is_log", [(True, True), (True, False), (False, False)])
def test_all_points_lie_between_the_axes_and_lines_have_their_names(
    is_log: tuple[bool, bool],
) -> None:
    lines = {"puts": [(1.0, 5.0), (10.0, 50.0)], "gets & more": [(2.0, 7.0)]}
    root = fromstring(drawing(lines, "nodes", "per second", is_log))
    circles = root.findall(f"{SVG}circle")
    assert len(circles) == 3
    for each in circles:
        assert LEFT <= float(each.attrib["cx"]) <= WIDTH - RIGHT
        assert TOP <= float(each.attrib["cy"]) <= HEIGHT - BOTTOM
    texts = [each.text for each in root.findall(f"{SVG}text")]
    assert {"puts", "gets & more", "nodes", "per second"} <= set(texts)
