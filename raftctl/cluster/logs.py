"""The nodes' logs: merged by time, filtered, followed."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from operator import itemgetter

from raftctl.cluster.processes import NodeProcess
from raftctl.documents import Line

LEVELS = ("info", "warn", "error")
POLL_SECONDS = 0.1
LINES_MAX = 10_000
"""How many lines of one log are looked at."""
_LINE = re.compile(r"^(\S+Z) (info |warn |error)")

Accept = Callable[[str], bool]


def read_line(node: str, line: str) -> Line:
    """A line of a node's log, taken apart."""
    found = _LINE.match(line)
    if found is None:
        return Line(node, None, None, line)
    return Line(node, found[1], found[2].strip(), line[found.end() :].strip())


def last_lines(
    processes: Sequence[NodeProcess], count: int, accept: Accept
) -> list[tuple[str, str]]:
    """The last `count` lines of all logs together, by time: each node's name, and its line."""
    lines: list[tuple[str, str, str]] = []
    for process in processes:
        time_of_line = ""
        for line in process.last_log_lines(LINES_MAX):
            if found := _LINE.match(line):
                time_of_line = found[1]  # lines without one, as of a traceback, belong to this
            if accept(line):
                lines.append((time_of_line, process.name, line))
    lines.sort(key=itemgetter(0))
    return [(name, line) for _, name, line in lines[-count:]] if count else []


def follow(
    processes: Sequence[NodeProcess], accept: Accept, until: Callable[[], bool] = lambda: False
) -> Iterator[tuple[str, str]]:
    """New lines as they are written, `until` there is nothing to wait for."""
    sizes = {process.name: _size(process) for process in processes}
    while True:
        is_last = until()  # asked first: what was written before comes out still
        for process in processes:
            size = _size(process)
            if size < sizes[process.name]:
                sizes[process.name] = 0  # it was made anew
            if size == sizes[process.name]:
                continue
            with process.log_path.open("rb") as file:
                file.seek(sizes[process.name])
                data = file.read(size - sizes[process.name])
            end = data.rfind(b"\n") + 1  # a line that is being written comes next time
            sizes[process.name] += end
            for line in data[:end].decode("utf-8", "replace").splitlines():
                if accept(line):
                    yield process.name, line
        if is_last:
            return
        time.sleep(POLL_SECONDS)


def _size(process: NodeProcess) -> int:
    try:
        return process.log_path.stat().st_size
    except OSError:
        return 0


def make_filter(level: str, pattern: str | None, since_seconds: float | None) -> Accept:
    """Lines of at least `level`, matching `pattern`, not older than `since_seconds`."""
    allowed = LEVELS[LEVELS.index(level) :]
    wanted = re.compile(pattern) if pattern else None
    oldest = ""
    if since_seconds is not None:
        moment = datetime.fromtimestamp(time.time() - since_seconds, UTC)
        oldest = moment.strftime("%Y-%m-%dT%H:%M:%S")

    def accept(line: str) -> bool:
        found = _LINE.match(line)
        if found is None:
            return wanted is None or bool(wanted.search(line))
        if found[2].strip() not in allowed or found[1] < oldest:
            return False
        return wanted is None or bool(wanted.search(line))

    return accept
