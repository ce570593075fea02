"""The report of a run: what is on the page, whatever stands in the files that it is made from."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from node.scenario.parsing import parse
from raftctl.chaos.committed import Committed
from raftctl.chaos.folders import RunFolder
from raftctl.chaos.histories import check_history
from raftctl.chaos.report.page import write_report
from raftctl.chaos.report.reading import read_recorded
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from tests.chaos.recorded import copied

KEY = "cas-3-0"
SCENARIO = 'nodes = 5\nduration = "9s"\n[workload]\nkind = "cas"\n'


class Parsed(HTMLParser):
    """The page as a browser reads it."""

    def __init__(self, run: RunFolder) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._texts: list[str] = []
        write_report(run)
        self.feed(run.report.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self._texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._texts).split())

    def drawings(self) -> list[str]:
        """What each says to who cannot see it."""
        return [str(a["aria-label"]) for tag, a in self.tags if a.get("role") == "img"]


def test_the_verdict_comes_first_with_why_and_how_to_run_it_again(tmp_path: Path) -> None:
    text = Parsed(copied(tmp_path / "run")).text
    assert "✗ failed budget cut: longest without a success: write 3,980 of 1,500 ms" in text
    assert "run it again raftctl chaos run cut-then-power.toml" in text
    assert "Seed 42 Mode live, real processes Nodes 5 When 2026-11-28 01:17:02 UTC" in text
    assert "The leader is cut off with one follower" in text


@pytest.mark.parametrize(("verdict", "shown"), [("ok", "✓ ok"), ("inconclusive", "? inconclusive")])
def test_each_verdict_has_a_sign_and_a_word(tmp_path: Path, verdict: str, shown: str) -> None:
    run = copied(tmp_path / "run", lambda result: result.update(verdict=verdict, text="so it is"))
    assert f"{shown} so it is" in Parsed(run).text


def test_checks_and_faults_are_tables(tmp_path: Path) -> None:
    text = Parsed(copied(tmp_path / "run")).text
    assert "converged ✓ ok in 0.42 of 10 s" in text
    assert "1 cut partition n2,n5 / n1,n3,n4 from partition leader, any-follower / rest" in text
    assert "1.89 → 4.40 s 2.51 s 196 ms 3,980 ms ✗ over 1,500 ms 4,148 ms" in text
    assert "3,980 ms ✓ within 5,000 ms" in text
    assert "? inconclusive proved nothing: it touched no message" in text


def test_a_violation_is_shown_with_the_operations_that_no_order_explains(tmp_path: Path) -> None:
    run = copied(tmp_path / "run")
    lines = [json.loads(line) for line in run.history.read_text("utf-8").splitlines()]
    reads = [
        line for line in lines[1:] if (line["f"], line["type"], line["key"]) == ("read", "ok", KEY)
    ]
    reads[-1]["value"] = next(line["value"] for line in reads if line["value"] is not None)
    run.history.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert check_history(run, parse(SCENARIO), Committed()).verdict == "failed"

    parsed = Parsed(run)
    assert f"Violation key {KEY} : " in parsed.text
    said = parsed.text[parsed.text.index("Violation key") :].partition("The operations")
    named = set(re.findall(r"\bop (\d+)", said[0]))
    shown = set(re.findall(r" (\d+) (?:read|write|cas) ", said[2].partition("Over time")[0]))
    assert "while the value had to be" in said[0]
    assert {"227"} < named <= shown
    assert len(shown) < 10
    assert f"✗ 227 read {reads[-1]['value']} 10 10.746387 s 10.788831 s 488, 494" in parsed.text
    culprits = [attrs for _, attrs in parsed.tags if attrs.get("class") == "culprit"]
    signs = [attrs for _, attrs in parsed.tags if attrs.get("aria-label") == "this cannot be"]
    assert (len(culprits), len(signs)) == (1, 1)


def test_a_history_without_a_violation_has_no_such_part(tmp_path: Path) -> None:
    run = copied(tmp_path / "run")
    assert check_history(run, parse(SCENARIO), Committed()).verdict == "ok"
    assert "Violation" not in Parsed(run).text


def test_every_drawing_says_what_it_shows(tmp_path: Path) -> None:
    drawings = Parsed(copied(tmp_path / "run")).drawings()
    assert [each.partition(".")[0] for each in drawings] == [
        "Faults", "Throughput", "Latency", "Availability", "Nodes", "Operations",
    ]  # fmt: skip
    assert "writes: 2 gaps, the longest 3980 ms" in drawings[3]
    assert "n2 at most 108" in drawings[4]
    assert "All 251 operations" in drawings[5]


def test_the_same_files_give_the_same_page(tmp_path: Path) -> None:
    pages = []
    for name in ("one", "two"):
        run = copied(tmp_path / name)
        write_report(run)
        pages.append(run.report.read_bytes())
    assert pages[0] == pages[1]


def test_what_the_files_say_is_text_and_nothing_else(tmp_path: Path) -> None:
    evil = "</style></script><img src=x onerror=alert(1)>\"'&amp;\ud800"

    def change(result: dict[str, Any]) -> None:
        result.update(text=evil, again=evil, versions={evil: evil}, run=evil, began=evil)
        result["checks"][0].update(name=evil, text=evil)
        result["faults"][0].update(name=evil, resolved=evil, line=evil, why_not=evil)

    run = copied(tmp_path / "run", change)
    lines = [json.loads(line) for line in run.history.read_text("utf-8").splitlines()]
    for line in lines[1:]:
        line.update(key=evil, value=evil, error=evil)
    run.history.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    parsed = Parsed(run)
    assert [tag for tag, _ in parsed.tags if tag in ("img", "script", "style")] == [
        "style",
        "script",
    ]
    assert not any(name.startswith("on") for _, attrs in parsed.tags for name in attrs)
    assert "run it again </style></script><img src=x onerror=alert(1)>\"'&amp;" in parsed.text


def test_the_page_asks_for_nothing_and_runs_its_own_script_alone(tmp_path: Path) -> None:
    parsed = Parsed(copied(tmp_path / "run"))
    assert not [attrs for _, attrs in parsed.tags if {"src", "href", "srcset"} & set(attrs)]
    (policy,) = [
        attrs["content"]
        for tag, attrs in parsed.tags
        if attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-")


@pytest.mark.parametrize(
    ("missing", "drawing"),
    [
        ("metrics.csv", "Throughput"),
        ("probes.jsonl", "Availability"),
        ("raft.jsonl", "Nodes"),
        ("history.jsonl", "Operations"),
    ],
)
def test_what_a_run_did_not_write_is_left_out(tmp_path: Path, missing: str, drawing: str) -> None:
    run = copied(tmp_path / "run")
    (run.path / missing).unlink()
    drawings = [each.partition(".")[0] for each in Parsed(run).drawings()]
    assert drawing not in drawings
    assert "Faults" in drawings


def test_a_run_without_faults_and_files_still_has_a_report(tmp_path: Path) -> None:
    run = copied(tmp_path / "run", lambda result: result.update(faults=[], leaders=[]))
    for name in ("metrics.csv", "probes.jsonl", "raft.jsonl", "history.jsonl"):
        (run.path / name).unlink()
    run.plan.unlink()
    parsed = Parsed(run)
    assert "one led all through" in parsed.text
    assert parsed.drawings() == []


@pytest.mark.parametrize(
    ("name", "line", "says"),
    [
        ("history.jsonl", '{"process":0,"f":"re', "line 504 is no JSON"),
        ("history.jsonl", '{"process":99,"type":"ok","time":1}', "line 504 lacks 99"),
        ("history.jsonl", '{"process":0,"type":"maybe","time":1}', "'maybe' is no outcome"),
        ("probes.jsonl", "[]", "line 359: it is no JSON object"),
        ("raft.jsonl", '{"node":1}', "lacks 'kind'"),
        ("check.json", "{}", "no answer of a check"),
        ("metrics.csv", "one,two", "no table of metrics"),
        ("plan.resolved.toml", "=", "(at line"),
    ],
)
def test_a_damaged_file_is_one_error_that_names_it(
    tmp_path: Path, name: str, line: str, says: str
) -> None:
    run = copied(tmp_path / "run")
    with (run.path / name).open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(CliError) as caught:
        read_recorded(run)
    assert (caught.value.code, caught.value.exit_code) == ("E_RUN", Exit.USAGE)
    assert caught.value.message.startswith(str(run.path / name))
    assert says in caught.value.message
