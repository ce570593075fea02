"""The process that carries out a run's lines of raftctl, and tidies up behind it.

It has everything imported, and forks for each line, so that a line begins at once and several can
be under way. When the run that it belongs to is gone, however that ended, nothing stands in its
standard input any more: then it takes the run's own cluster down, or undoes what it did to one that
was lent.
"""

import contextlib
import importlib
import json
import os
import selectors
import signal
import sys
from dataclasses import dataclass, field
from typing import Any, NoReturn

from raftctl.chaos.lines import last_document
from raftctl.chaos.owed import Owed, tidy_up

READ_BYTES = 65_536
PRELOADED = (
    "psutil",
    "node.client.blocking",
    "raftctl.cli",
    "raftctl.cluster.acting",
    "raftctl.cluster.injection",
    "raftctl.cluster.noting",
    "raftctl.cluster.starting",
    "raftctl.cluster.waiting",
)
"""Imported once, so that no line has to."""


@dataclass(slots=True)
class _Child:
    """A line that is being carried out."""

    number: int
    line: list[str]
    pid: int
    texts: dict[str, bytearray] = field(
        default_factory=lambda: {"stdout": bytearray(), "stderr": bytearray()}
    )
    open_streams: int = 2


class Hand:
    """Reads lines as JSON, `{"number": 1, "line": ["kill", "n1"]}`, and answers each with how it
    ended, once it has.
    """

    def __init__(self, options: list[str], last: list[list[str]]) -> None:
        """`options` stand before each line. `last`: the lines to end with; none: those that undo
        what others did.
        """
        self._options = options
        self._last = last
        self._owed = Owed()
        self._selector = selectors.DefaultSelector()
        self._rest = b""

    def run(self) -> None:
        """Until nobody asks any more, and nothing is under way."""
        self._selector.register(0, selectors.EVENT_READ, None)
        while self._selector.get_map():
            for key, _ in self._selector.select():
                if key.data is None:
                    self._read_lines()
                else:
                    self._read_output(key.fd, *key.data)
        tidy_up(self._options, self._last, self._owed)

    def _read_lines(self) -> None:
        data = os.read(0, READ_BYTES)
        if not data:
            self._selector.unregister(0)
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            asked = json.loads(line)
            self._begin(asked["number"], asked["line"])

    def _begin(self, number: int, line: list[str]) -> None:
        pipes = {name: os.pipe() for name in ("stdout", "stderr")}
        pid = os.fork()
        if pid == 0:
            whole = [*self._options, "-o", "json", "-q", *line]
            _carry_out(whole, pipes["stdout"][1], pipes["stderr"][1])
        child = _Child(number, line, pid)
        for name, (reading, writing) in pipes.items():
            os.close(writing)
            self._selector.register(reading, selectors.EVENT_READ, (child, name))

    def _read_output(self, descriptor: int, child: _Child, name: str) -> None:
        data = os.read(descriptor, READ_BYTES)
        child.texts[name] += data
        if data:
            return
        self._selector.unregister(descriptor)
        os.close(descriptor)
        child.open_streams -= 1
        if child.open_streams:
            return
        _, status = os.waitpid(child.pid, 0)
        texts = {each: text.decode("utf-8", "replace") for each, text in child.texts.items()}
        self._owed.note(child.line, last_document(texts["stdout"]))
        ended = os.waitstatus_to_exitcode(status)
        answer: dict[str, Any] = {"number": child.number, "exit": ended, **texts}
        with contextlib.suppress(BrokenPipeError):  # nobody asks any more
            os.write(1, json.dumps(answer).encode() + b"\n")


def _carry_out(line: list[str], stdout: int, stderr: int) -> NoReturn:
    """In the child: what `raftctl` itself does with that line."""
    from raftctl import cli

    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    os.closerange(3, 256)
    sys.argv = ["raftctl", *line]
    try:
        cli.main()
    except SystemExit as ended:
        os._exit(ended.code if isinstance(ended.code, int) else 1)


def main() -> None:
    """The arguments are the options of each line, and the lines to end with, as JSON."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends when its run has
    for name in PRELOADED:
        importlib.import_module(name)
    Hand(*map(json.loads, sys.argv[1:])).run()


if __name__ == "__main__":
    main()
