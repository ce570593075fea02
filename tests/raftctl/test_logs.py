"""Which lines of the nodes' logs are shown."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from raftctl.cluster.logs import follow, last_lines, make_filter
from raftctl.cluster.processes import NodeProcess
from raftctl.errors import CliError
from raftctl.exit_codes import Exit

TRACE = ["Traceback (most recent call last):", "  boom in x.py", "ValueError: boom"]


def stamp(seconds_ago: float = 0) -> str:
    moment = datetime.fromtimestamp(time.time() - seconds_ago, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


OLD_ERROR = f"{stamp(86_400)} error old boom"
NEW_INFO = f"{stamp()} info  started"
NEW_ERROR = f"{stamp()} error new boom"


@pytest.fixture
def process(tmp_path: Path) -> NodeProcess:
    made = NodeProcess(tmp_path, 1)
    made.folder.mkdir()
    return made


def write(process: NodeProcess, *lines: str) -> None:
    with process.log_path.open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize("pattern", ["(", "[a-", "*", "a{99999999999}"])
def test_what_is_no_pattern_is_a_usage_error(pattern: str) -> None:
    with pytest.raises(CliError) as caught:
        make_filter("info", pattern, None)
    assert (caught.value.code, caught.value.exit_code) == ("E_USAGE", Exit.USAGE)


@pytest.mark.parametrize(
    ("level", "pattern", "since", "shown"),
    [
        ("info", None, None, ["lost", OLD_ERROR, *TRACE, NEW_INFO, "more", NEW_ERROR, *TRACE]),
        ("info", None, 3600, ["lost", NEW_INFO, "more", NEW_ERROR, *TRACE]),
        ("error", None, None, ["lost", OLD_ERROR, *TRACE, NEW_ERROR, *TRACE]),
        ("error", None, 3600, ["lost", NEW_ERROR, *TRACE]),
        ("error", "^ValueError", 3600, [TRACE[2]]),
        ("info", "^(more|lost)$", None, ["lost", "more"]),
        ("warn", "started", None, []),
    ],
)
def test_lines_without_a_time_go_with_the_line_that_they_belong_to(
    process: NodeProcess, level: str, pattern: str | None, since: float | None, shown: list[str]
) -> None:
    write(process, "lost", OLD_ERROR, *TRACE, NEW_INFO, "more", NEW_ERROR, *TRACE)
    found = last_lines([process], 100, make_filter(level, pattern, since))
    assert [line for _, line in found] == shown


def test_followed_lines_go_with_lines_of_before(process: NodeProcess) -> None:
    """What comes belongs to what was there, over every look at the file."""
    write(process, NEW_INFO)
    batches = [[*TRACE, NEW_ERROR], TRACE[:1], TRACE[1:], [NEW_INFO, "more"]]
    steps: Iterator[list[str]] = iter(batches)

    def until() -> bool:
        batch = next(steps, None)
        write(process, *(batch or []))
        return batch is None

    found = follow(lambda: [process], make_filter("error", None, None), until)
    assert [line for _, line in found] == [NEW_ERROR, *TRACE]
