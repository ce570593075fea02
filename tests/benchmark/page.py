"""docs/performance.md: what lies between its marks is made of the last run's figures, and so are
its drawings.
"""

import re
from typing import Any

from tests.benchmark import measures
from tests.benchmark.growth import number
from tests.benchmark.plots import Points, drawing
from tests.benchmark.tables import compared, markdown
from tests.measure.commands import PROJECT

DOCS = PROJECT / "docs"
PAGE = DOCS / "performance.md"
END = "<!-- end of figures -->"
GROWS = {
    "nodes": (("puts/s",), False),
    "value bytes": (("MB/s",), True),
    "log entries": (("puts/s",), False),
    "keys": (("puts/s", "gets/s"), True),
    "observers": (("puts/s",), False),
}
"""By what grows: what is drawn, and whether the axis below is logarithmic."""
SIGNALS = {"SIGKILL": "kill -9", "SIGSTOP": "SIGSTOP"}


def rewrite() -> None:
    """Of each part that was run; the others stay as they are."""
    text = PAGE.read_text(encoding="utf-8")
    for name, make in (("side", side), ("failover", failover), ("growth", growth)):
        document = measures.load(name)
        if document is None:
            print(f"{name}: there was no run, its figures stay")
            continue
        text = put(text, name, make(document))
    PAGE.write_text(text, encoding="utf-8")


def put(text: str, name: str, lines: list[str]) -> str:
    """The page with other lines between the marks of that name."""
    begin = f"<!-- figures: {name} -->"
    pattern = re.compile(rf"{re.escape(begin)}\n.*?{re.escape(END)}", re.DOTALL)
    assert len(pattern.findall(text)) == 1, f"the page has its marks for {name}"
    block = "\n".join([begin, "", *lines, "", END])
    return pattern.sub(lambda _: block, text)


def side(document: dict[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    rounds, seconds = document["rounds"], document["seconds"]
    return [
        f"{machine(document)}; {versions}. Medians of {rounds}, each step {seconds:g} s. "
        f"A raw append and flush takes {document['flush_p50_ms']:.2f} ms.",
        "",
        *markdown(*compared(document["metrics"])),
    ]


def failover(document: dict[str, Any]) -> list[str]:
    lines: dict[str, Points] = {}
    for signal, said in SIGNALS.items():
        for system, times in document["all"][signal].items():
            ordered = sorted(times)
            shares = ((each, (n + 1) / len(ordered) * 100) for n, each in enumerate(ordered))
            lines[f"{system}, {said}"] = list(shares)
    drawn = drawing(lines, "ms until a put is accepted", "% of rounds", (True, False))
    rounds = f"{machine(document)}; {document['rounds']} rounds of each."
    return [
        *(rounds, "", *markdown(*compared(document["metrics"])), ""),
        _drawn("failover", drawn, "How long writes stop, as a distribution"),
    ]


def growth(document: dict[str, Any]) -> list[str]:
    lines = [f"{machine(document)}; each step {document['seconds']:g} s."]
    for name, (columns, is_log) in GROWS.items():
        rows = document["rows"].get(name)
        if not rows:
            continue
        header = list(rows[0])
        drawn = {column: [(row[name], row[column]) for row in rows] for column in columns}
        y_label = columns[0] if len(columns) == 1 else "per second"
        svg = drawing(drawn, name, y_label, (is_log, is_log and columns == ("MB/s",)))
        lines += ["", f"### By {name}", ""]
        lines += markdown(header, [[number(row[column]) for column in header] for row in rows])
        lines += ["", _drawn(name.replace(" ", "-"), svg, f"{', '.join(columns)} by {name}")]
    return lines


def machine(document: dict[str, Any]) -> str:
    found = document["machine"]
    return f"{found['cores']} cores ({found['processor']}), Python {found['python']}"


def _drawn(name: str, svg: str, about: str) -> str:
    path = f"assets/bench-{name}.svg"
    (DOCS / path).write_text(svg, encoding="utf-8")
    return f"![{about}]({path})"
