"""The nodes' logs: merged by time, filtered, followed."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from operator import itemgetter

from raftctl.cluster.processes import NodeProcess
from raftctl.nodedocs import Line
from raftctl.values import usage

LEVELS = ("info", "warn", "error")
POLL_SECONDS = 0.1
LINES_MAX = 10_000
"""How many lines of one log are looked at."""
_LINE = re.compile(r"^(\S+Z) (info |warn |error)")

Accept = Callable[[str], bool]
"""Told a line. One without a time, as of a traceback, comes with what it belongs to above it."""


def _with_heads(lines: Iterable[str], head: str = "") -> Iterator[tuple[str, str]]:
    """Each line, and the last one with a time up to it; `head` is that of the line before."""
    for line in lines:
        if _LINE.match(line):
            head = line
        yield head, line


def _is_wanted(accept: Accept, head: str, line: str) -> bool:
    return accept(line if head in ("", line) else f"{head}\n{line}")


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
        for head, line in _with_heads(process.last_log_lines(LINES_MAX)):
            if _is_wanted(accept, head, line):
                lines.append((head.partition(" ")[0], process.name, line))
    lines.sort(key=itemgetter(0))
    return [(name, line) for _, name, line in lines[-count:]] if count else []


def follow(
    processes: Callable[[], Sequence[NodeProcess]],
    accept: Accept,
    until: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[str, str]]:
    """New lines as they are written, `until` there is nothing to wait for. `processes` gives those
    of the moment: of one that comes later all of its log is new.
    """
    heads = {process.name: _last_head(process) for process in processes()}
    sizes = {process.name: _size(process) for process in processes()}
    while True:
        is_last = until()  # asked first: what was written before comes out still
        news: list[tuple[str, str, str]] = []
        for process in processes():
            size = _size(process)
            if size < sizes.setdefault(process.name, 0):
                sizes[process.name], heads[process.name] = 0, ""  # it was made anew
            if size == sizes[process.name]:
                continue
            with process.log_path.open("rb") as file:
                file.seek(sizes[process.name])
                data = file.read(size - sizes[process.name])
            end = data.rfind(b"\n") + 1  # a line that is being written comes next time
            sizes[process.name] += end
            text = data[:end].decode("utf-8", "replace")
            for head, line in _with_heads(text.splitlines(), heads.get(process.name, "")):
                heads[process.name] = head
                if _is_wanted(accept, head, line):
                    news.append((head.partition(" ")[0], process.name, line))
        for _, name, line in sorted(news, key=itemgetter(0)):
            yield name, line
        if is_last:
            return
        time.sleep(POLL_SECONDS)


def _size(process: NodeProcess) -> int:
    try:
        return process.log_path.stat().st_size
    except OSError:
        return 0


def _last_head(process: NodeProcess) -> str:
    """The last line with a time: the first that is followed may belong to it."""
    lines = process.last_log_lines(LINES_MAX)
    return next((line for line in reversed(lines) if _LINE.match(line)), "")


def make_filter(level: str, pattern: str | None, since_seconds: float | None) -> Accept:
    """Lines of at least `level`, matching `pattern`, not older than `since_seconds`.

    Level and age of a line without a time are those of the line that it belongs to; one that
    belongs to none is taken. Raises CliError (exit 2) for what is no pattern.
    """
    allowed = LEVELS[LEVELS.index(level) :]
    try:
        wanted = re.compile(pattern or "")
    except (re.error, OverflowError, RecursionError) as error:
        raise usage(
            f"--grep {pattern}: {error}", "a pattern as of Python's re: term=[0-9]+"
        ) from None
    oldest = ""
    if since_seconds is not None:
        moment = datetime.fromtimestamp(time.time() - since_seconds, UTC)
        oldest = moment.strftime("%Y-%m-%dT%H:%M:%S")

    def accept(text: str) -> bool:
        found = _LINE.match(text)
        if found and (found[2].strip() not in allowed or found[1] < oldest):
            return False
        return wanted.search(text.rpartition("\n")[2]) is not None

    return accept
