"""The nodes' logs: merged by time, filtered, followed."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from raftctl.cluster.processes import NodeProcess

LEVELS = ("info", "warn", "error")
POLL_SECONDS = 0.1
_LINE = re.compile(r"^(\S+Z) (info |warn |error)")

Accept = Callable[[str], bool]


def last_lines(processes: Sequence[NodeProcess], count: int, accept: Accept) -> list[str]:
    """The last `count` lines of all logs together, in the order of their times."""
    lines = [
        (line, process.name)
        for process in processes
        for line in process.last_log_lines(10_000)
        if accept(line)
    ]
    lines.sort(key=lambda item: item[0][:24])  # lines begin with their time
    return [f"{name} | {line}" for line, name in lines[-count:]]


def follow(processes: Sequence[NodeProcess], accept: Accept) -> Iterator[str]:
    """New lines as they are written, for ever."""
    sizes = {process.name: _size(process) for process in processes}
    while True:
        for process in processes:
            size = _size(process)
            if size <= sizes[process.name]:
                continue
            with process.log_path.open("rb") as file:
                file.seek(sizes[process.name])
                data = file.read(size - sizes[process.name])
            end = data.rfind(b"\n") + 1  # a line that is being written comes next time
            sizes[process.name] += end
            for line in data[:end].decode("utf-8", "replace").splitlines():
                if accept(line):
                    yield f"{process.name} | {line}"
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
