"""The checks of a run as JUnit XML, which CI systems read."""

from pathlib import Path
from xml.etree import ElementTree

from raftctl.chaosdocs import ChaosRun
from raftctl.errors import from_os_error


def write_junit(run: ChaosRun, path: Path) -> None:
    """A suite with a case for each check. Raises CliError."""
    verdicts = [check.verdict for check in run.checks]
    suite = ElementTree.Element(
        "testsuite",
        name=f"chaos.{run.name}",
        timestamp=run.began,
        time=f"{run.duration_s:g}",
        tests=str(len(verdicts)),
        failures=str(verdicts.count("failed")),
        skipped=str(verdicts.count("inconclusive")),
    )
    for check in run.checks:
        case = ElementTree.SubElement(
            suite, "testcase", name=check.name, classname=f"chaos.{run.name}"
        )
        if check.verdict == "failed":
            failure = ElementTree.SubElement(case, "failure", message=check.text)
            failure.text = f"{check.text}\nagain: {run.again}"
        elif check.verdict == "inconclusive":
            ElementTree.SubElement(case, "skipped", message=check.text)
    ElementTree.indent(suite)
    try:
        ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise from_os_error(error) from error
