"""The report of a run as one page, `report.html` in its folder."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from importlib import resources
from xml.etree.ElementTree import Element

from raftctl.chaos.folders import RunFolder
from raftctl.chaos.report.elements import Child, element, html_bytes
from raftctl.chaos.report.faulttrack import fault_track
from raftctl.chaos.report.lanes import lane_track
from raftctl.chaos.report.operations import operation_track
from raftctl.chaos.report.patterns import patterns
from raftctl.chaos.report.rates import rate_tracks
from raftctl.chaos.report.reading import Recorded, read_recorded
from raftctl.chaos.report.strips import availability_track
from raftctl.chaos.report.summary import summary, title_of
from raftctl.chaos.report.tables import check_table, fault_table
from raftctl.chaos.report.timeline import Axis, ruler
from raftctl.chaos.report.violation import violation_parts

ZOOMS = (1, 2, 5, 20)


def write_report(folder: RunFolder) -> None:
    """Make it from the other files of the folder, and from nothing else.

    Raises CliError where one of them cannot be read, OSError.
    """
    folder.report.write_bytes(html_bytes(page(read_recorded(folder))))


def page(recorded: Recorded) -> Element:
    run = recorded.run
    style, script = _resource("page.css"), _resource("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title_of(run)),
        element("style", style),
    )
    sections = [made for each in SECTIONS if (made := each(recorded)) is not None]
    body = element(
        "body",
        patterns(),
        element("main", summary(run, recorded.about), *sections),
        element("footer", f"raftctl chaos report {run.run}"),
        element("script", script),
    )
    return element("html", head, body, lang="en")


def section(name: str, title: str, *children: Child) -> Element:
    """A part of the page with a heading of its own; links reach it by `name`."""
    return element("section", element("h2", title), *children, id=name)


# -- sections --------------------------------------------------------------------------------------
def _checks(recorded: Recorded) -> Element:
    return section("checks", "Checks", check_table(recorded.run.checks))


def _violation(recorded: Recorded) -> Element | None:
    found = recorded.violation
    return None if found is None else section("violation", "Violation", *violation_parts(found))


def _faults(recorded: Recorded) -> Element | None:
    table = fault_table(recorded.run.faults)
    return None if table is None else section("faults", "Faults", table)


def _timeline(recorded: Recorded) -> Element | None:
    axis = Axis(recorded.end_s, recorded.run.faults)
    tracks = list(_tracks(axis, recorded))
    if not tracks:
        return None
    return section(
        "timeline",
        "Over time",
        _zoom(),
        element(
            "div",
            element("div", ruler(axis), *tracks, ruler(axis), class_="tracks"),
            class_="scroll",
            tabindex=0,
            role="region",
            aria_label="Drawings over time",
        ),
    )


def _tracks(axis: Axis, recorded: Recorded) -> Iterator[Element]:
    made = [
        fault_track(axis),
        *rate_tracks(axis, recorded.bins),
        availability_track(axis, recorded.probes),
        lane_track(axis, recorded.told),
        operation_track(axis, recorded.operations, recorded.violation),
    ]
    yield from (each for each in made if each is not None)


def _zoom() -> Element:
    choices = [
        element(
            "label",
            element(
                "input",
                type="radio",
                name="zoom",
                value=zoom,
                class_=f"zoom{zoom}",
                checked="checked" if zoom == 1 else None,
            ),
            element("span", f"{zoom}×"),
        )
        for zoom in ZOOMS
    ]
    return element("fieldset", element("legend", "Zoom"), *choices, class_="zoom")


SECTIONS: tuple[Callable[[Recorded], Element | None], ...] = (
    _checks,
    _violation,
    _faults,
    _timeline,
)
"""In their order on the page. One that has nothing to show is left out."""


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
