"""Hatchings, so that no colour has to be told from another one."""

from xml.etree.ElementTree import Element

from raftctl.chaos.report.elements import element

ANGLES = {"bad": 45, "unknown": -45, "out": 45, "waiting": -45, "idle": 45}
"""Each has the colour that the style sheet gives to the class of its name."""


def patterns() -> Element:
    """What `fill: url(#hatch-NAME)` means on this page."""
    made = [
        element(
            "pattern",
            element("rect", width=6, height=6, class_=f"ground {name}"),
            element("rect", width=2.5, height=6, class_=f"stroke {name}"),
            id=f"hatch-{name}",
            width=6,
            height=6,
            patternUnits="userSpaceOnUse",
            patternTransform=f"rotate({angle})",
        )
        for name, angle in ANGLES.items()
    ]
    return element(
        "svg", element("defs", *made), width=0, height=0, class_="defs", aria_hidden="true"
    )
