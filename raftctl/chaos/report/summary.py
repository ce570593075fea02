"""The top of the report: the verdict and why, what ran, and the line that runs it again."""

from collections.abc import Iterator
from datetime import datetime
from xml.etree.ElementTree import Element

from raftctl.chaos.report.elements import Child, element
from raftctl.chaos.report.tables import SIGNS
from raftctl.chaosdocs import ChaosRun

LEADERS_MAX = 3
"""So many are named."""


def title_of(run: ChaosRun) -> str:
    sign, word = SIGNS[run.verdict]
    return f"{sign} {run.name}, seed {run.seed}: {word}"


def summary(run: ChaosRun, about: str) -> Element:
    sign, word = SIGNS[run.verdict]
    return element(
        "header",
        element("p", "Chaos run", class_="kicker"),
        element("h1", run.name),
        element("p", about, class_="about") if about else None,
        element(
            "div",
            element("span", sign, class_="sign", aria_hidden="true"),
            element("div", element("strong", word), element("p", run.text)),
            class_=f"verdict {run.verdict}",
        ),
        element(
            "div",
            element("span", "run it again", class_="what"),
            element("code", run.again, id="again"),
            element("button", "copy", type="button", id="copy", hidden="hidden"),
            class_="again",
        ),
        element("dl", *(each for pair in _facts(run) for each in pair), class_="facts"),
        element("dl", *_figures(run), class_="figures"),
    )


def _facts(run: ChaosRun) -> Iterator[tuple[Element, Element]]:
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    facts = (
        ("Seed", str(run.seed)),
        ("Mode", "live, real processes" if run.mode == "live" else "simulated"),
        ("Nodes", str(run.nodes)),
        ("When", _when(run.began)),
        ("Duration", f"{run.duration_s:g} s"),
        ("Versions", versions),
        ("Run", run.run),
    )
    for name, value in facts:
        yield element("dt", name), element("dd", value)


def _when(began: str) -> str:
    try:
        moment = datetime.fromisoformat(began)
    except ValueError:
        return began
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment.utcoffset() is not None else began


def _figures(run: ChaosRun) -> Iterator[Element]:
    counts = run.operations
    rest = [f"{counts.get(name, 0):,} {word}" for name, word in _REST if counts.get(name)]
    yield _figure(
        f"{counts.get('ok', 0):,}", "operations succeeded", ", ".join(rest) or "none failed"
    )
    latency = run.latency
    if latency.p50_ms is not None:
        yield _figure(
            f"{latency.p50_ms:g} ms",
            "median latency",
            f"p95 {latency.p95_ms:g}, p99 {latency.p99_ms:g}, slowest {latency.max_ms:g} ms",
        )
    for name, part in (("writes", run.write_share), ("reads", run.read_share)):
        if part is not None:
            yield _figure(f"{part:.1%}", f"{name} available", "of the time, by 20 probes a second")
    won = [f"n{each['node']:g} in term {each['term']:g}" for each in run.leaders]
    named = ", ".join([*won[:LEADERS_MAX], *["…"][: len(won) - LEADERS_MAX]])
    yield _figure(str(len(run.leaders)), "leader changes", named or "one led all through")


_REST = (("fail", "failed"), ("info", "unknown"), ("missed", "not begun"))


def _figure(number: str, what: str, more: Child) -> Element:
    return element(
        "div",
        element("dt", what),
        element("dd", number),
        element("dd", more, class_="more"),
    )
