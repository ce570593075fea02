"""The checks of a run, as CI systems read them."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from raftctl.chaos.junit import write_junit
from raftctl.chaosdocs import ChaosCheck
from tests.chaos.test_folders import RUN


def test_each_check_is_a_case(tmp_path: Path) -> None:
    checks = [
        ChaosCheck("load", "ok", "7 operations"),
        ChaosCheck("budget cut", "failed", "write 2,000 of 1,000 ms <late>"),
        ChaosCheck("faults", "inconclusive", "it never took effect"),
    ]
    path = tmp_path / "out.xml"
    write_junit(replace(RUN, checks=checks), path)
    suite = ElementTree.parse(path).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    failure = suite.find("testcase[@name='budget cut']/failure")
    assert failure is not None
    assert failure.get("message") == "write 2,000 of 1,000 ms <late>"
    assert "raftctl chaos run smoke" in (failure.text or "")
