"""`raftctl chaos report`, as a user meets it."""

import os
from pathlib import Path

import pytest

from tests.chaos.recorded import copied
from tests.measure.commands import Raftctl

RUN = "20261128T011702-cut-then-power-42"


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return copied(tmp_path / "runs" / RUN).report


def test_a_report_is_made_where_it_is_missing_or_older_than_the_verdict(
    report: Path, tmp_path: Path
) -> None:
    raftctl = Raftctl(tmp_path)
    done = raftctl.run("chaos", "report", check=False)
    assert done.returncode == 7
    assert f"report: {report}" in done.stderr
    assert "verdict     failed: budget cut" in done.stdout
    assert b"cut-then-power" in report.read_bytes()

    report.write_text("as it was")
    raftctl.run("chaos", "report", check=False)
    assert report.read_text() == "as it was"

    result = report.with_name("result.json")
    os.utime(result, (report.stat().st_mtime + 1,) * 2)
    raftctl.run("chaos", "report", check=False)
    assert b"cut-then-power" in report.read_bytes()


def test_a_report_opens_in_the_browser(report: Path, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text('#!/bin/sh\necho "$1" > "$0.opened"\n')
    browser.chmod(0o700)
    raftctl = Raftctl(tmp_path)
    raftctl.env["BROWSER"] = f"{browser} %s"
    raftctl.run("chaos", "report", "latest", "--open", check=False)
    assert (tmp_path / "browser.opened").read_text().strip() == report.as_uri()
