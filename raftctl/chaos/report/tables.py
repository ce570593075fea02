"""The checks of a run, and the faults in it, as tables."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from raftctl.chaos.report.elements import Child, element
from raftctl.chaosdocs import ChaosCheck, ChaosFault, Finding

SIGNS: dict[Finding, tuple[str, str]] = {
    "ok": ("✓", "ok"),
    "failed": ("✗", "failed"),
    "inconclusive": ("?", "inconclusive"),
    "unasked": ("–", "not asked"),
}


def badge(verdict: Finding) -> Element:
    """A sign and a word, in a colour."""
    sign, word = SIGNS[verdict]
    return element(
        "span", element("span", sign, aria_hidden="true"), f" {word}", class_=f"badge {verdict}"
    )


def check_table(checks: Sequence[ChaosCheck]) -> Element:
    rows = [
        element(
            "tr",
            element("th", check.name, scope="row"),
            element("td", badge(check.verdict)),
            element("td", check.text),
        )
        for check in checks
    ]
    return _table("What was to hold", ("Check", "Verdict", "What was found"), rows)


def fault_table(faults: Sequence[ChaosFault]) -> Element | None:
    """None: nothing was done."""
    if not faults:
        return None
    header = (
        "", "Step", "Inject to heal", "New leader after", "Longest without a write",
        "Longest without a read", "Succeeded meanwhile",
    )  # fmt: skip
    return _table("What was done", header, [_fault(each) for each in faults])


def _fault(fault: ChaosFault) -> Element:
    what: list[Child] = []
    if fault.name:
        what += [element("strong", fault.name), " "]
    what.append(element("code", fault.resolved or fault.line))
    if fault.resolved is not None and fault.resolved != fault.line:
        what.append(element("div", "from ", element("code", fault.line), class_="origin"))
    if fault.why_not:
        what.append(
            element("div", badge("inconclusive"), f" proved nothing: {fault.why_not}", class_="why")
        )
    if fault.refused:
        what.append(element("div", f"rightly, {fault.refused}", class_="origin"))
    return element(
        "tr",
        element("th", str(fault.step), scope="row", class_="number"),
        element("td", *what, class_="what"),
        element("td", *_lasted(fault), data_label="inject to heal"),
        element("td", _ms(fault.new_leader_ms), data_label="new leader after"),
        element(
            "td",
            *_within(fault.write_gap_ms, fault.write_budget_ms),
            data_label="longest without a write",
        ),
        element(
            "td",
            *_within(fault.read_gap_ms, fault.read_budget_ms),
            data_label="longest without a read",
        ),
        element("td", f"{fault.ok:,}", data_label="succeeded meanwhile"),
    )


def _lasted(fault: ChaosFault) -> list[Child]:
    began_s = fault.began_ms / 1000
    if fault.ended_ms is None:
        return [f"at {began_s:.2f} s"]
    ended_s = fault.ended_ms / 1000
    lasted = element("div", f"{ended_s - began_s:.2f} s", class_="origin")
    return [f"{began_s:.2f} → {ended_s:.2f} s", lasted]


def _within(gap_ms: float | None, budget_ms: float | None) -> list[Child]:
    if budget_ms is None or gap_ms is None:
        return [_ms(gap_ms)]
    holds = gap_ms <= budget_ms
    sign, word = SIGNS["ok" if holds else "failed"]
    limit = f"{sign} {'within' if holds else 'over'} {budget_ms:,.0f} ms"
    return [_ms(gap_ms), element("div", limit, class_=f"budget {word}")]


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f} ms"


def _table(caption: str, header: Sequence[str], rows: Sequence[Element]) -> Element:
    names = [element("th", name, scope="col") for name in header]
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *names)),
        element("tbody", *rows),
    )
