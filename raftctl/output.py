"""What a command shows: data on stdout, everything else on stderr."""

import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from raftctl.errors import CliError
from raftctl.jsonform import to_json

PROGRESS_SECONDS = 2.0
"""How often progress is a line of its own, where it cannot be one that changes."""
PATIENCE_SECONDS = 0.06
"""After so long, on top of what the start of Python takes, whoever waits is told what for."""
MODES = ("text", "wide", "json", "jsonl")


class Output:
    """How this run prints. `started` is when the command began, for the times in its progress.

    `may_color`: nobody forbade colours, whether there is a terminal for them or not. `shown`: the
    document that was printed last, if any was.
    """

    def __init__(
        self, mode: str, quiet: bool, verbose: bool, color: bool, ascii_only: bool
    ) -> None:
        self.mode = mode
        self.quiet = quiet
        self.verbose = verbose
        self.may_color = color and not os.environ.get("NO_COLOR")
        self.color = self.may_color and sys.stderr.isatty()
        self.ascii_only = ascii_only
        self.started = time.monotonic()
        self.shown: Any = None
        self._spoke_at = self.started
        self._has_progress = False

    def quieter(self) -> "Output":
        """The same, for what a command does many times, without progress."""
        return Output(self.mode, True, self.verbose, self.may_color, self.ascii_only)

    @property
    def is_json(self) -> bool:
        return self.mode in ("json", "jsonl")

    @property
    def on_terminal(self) -> bool:
        """Whether progress is one line that changes."""
        return sys.stderr.isatty()

    @property
    def columns(self) -> int:
        """For progress on a terminal, its sign in front included."""
        return max(os.get_terminal_size(sys.stderr.fileno()).columns - 1, 20)

    @property
    def is_wide(self) -> bool:
        return self.mode == "wide"

    def sign(self, text: str, plain: str) -> str:
        return plain if self.ascii_only else text

    def show(self, document: Any, text: Callable[[], Iterable[str]]) -> None:  # noqa: ANN401
        """Print a document, in the form that was asked for."""
        self.shown = document
        if self.is_json:
            indent = 2 if self.mode == "json" and sys.stdout.isatty() else None
            lines = [json.dumps(to_json(document), indent=indent, ensure_ascii=False)]
        else:
            lines = list(text())
        self._end_progress()
        try:
            sys.stdout.writelines(f"{line}\n" for line in lines)
            sys.stdout.flush()
        except OSError as error:
            error.filename = "stdout"
            raise

    def clear_screen(self) -> None:
        """Begin at the top again, on a terminal; what is piped stays a sequence."""
        if sys.stdout.isatty() and not self.is_json:
            sys.stdout.write("\x1b[H\x1b[2J")

    def progress(self, text: str) -> None:
        """How far something long is: on a terminal one line that changes, else one now and then."""
        if self.quiet:
            return
        if not self.on_terminal:
            if time.monotonic() - self._spoke_at >= PROGRESS_SECONDS:
                self.note(f"   {text}")
            return
        width = self.columns
        sys.stderr.write("\r\x1b[K" + f" {self.sign('…', '.')} {escaped(text)}"[:width])
        sys.stderr.flush()
        self._has_progress = True

    def _end_progress(self) -> None:
        """What comes next has the line to itself."""
        if self._has_progress:
            self._has_progress = False
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def note(self, text: str) -> None:
        """A line about the data, not data. What it quotes may come from anywhere."""
        self._say(_lines_escaped(text))

    def _say(self, text: str) -> None:
        """As it is: its colours are ours."""
        self._spoke_at = time.monotonic()
        self._end_progress()
        if not self.quiet:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def done(self, text: str) -> None:
        """A step of something long is through."""
        elapsed = time.monotonic() - self.started
        sign = self.sign("✓", "ok")
        self._say(f" {self._paint('32', sign)} {_lines_escaped(text):42} {elapsed:5.1f}s")

    @contextmanager
    def patience(self, text: str) -> Iterator[None]:
        """Say `text` if the command takes a while: nobody should look at an empty screen."""
        left = max(self._spoke_at + PATIENCE_SECONDS - time.monotonic(), 0)
        timer = threading.Timer(left, self.note, [text])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()  # or what it says might come after what is said next

    def warn(self, text: str) -> None:
        self._say(f"{self._paint('33', 'warning:')} {_lines_escaped(text)}")

    def fail(self, error: CliError) -> None:
        """The last thing of a command that failed."""
        self._end_progress()
        if self.is_json:
            from raftctl.metadocs import Error

            document = Error(
                error.code,
                int(error.exit_code),
                error.message,
                error.hint or None,
                error.cause or None,
                error.retryable,
                "unknown" if error.outcome == "unknown" else "none",
                error.details,
            )
            sys.stderr.write(json.dumps(to_json(document), ensure_ascii=False) + "\n")
            return
        message = _lines_escaped(error.message)
        sys.stderr.write(f"{self._paint('31', 'error')}[{error.code}]: {message}\n")
        if error.cause:
            sys.stderr.write(f"cause: {_lines_escaped(error.cause)}\n")
        hint = f"hint:  {_lines_escaped(error.hint)}  " if error.hint else ""
        sys.stderr.write(f"{hint}[exit {int(error.exit_code)}]\n")

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color else text


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Columns under their names, None as a dash; columns of numbers stand to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [
        max([len(name), *(len(row[column]) for row in cells)]) for column, name in enumerate(header)
    ]
    right = [_are_numbers([row[column] for row in cells]) for column in range(len(header))]
    lines = []
    for row in [list(header), *cells]:
        shown = [
            text.rjust(width) if is_number else text.ljust(width)
            for text, width, is_number in zip(row, widths, right, strict=True)
        ]
        lines.append("  ".join(shown).rstrip())
    return lines


def _are_numbers(cells: Sequence[str]) -> bool:
    """Whether there is at least one number, and nothing but numbers and dashes."""
    numbers = [re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", cell) is not None for cell in cells]
    return any(numbers) and all(
        is_number or cell == "-" for is_number, cell in zip(numbers, cells, strict=True)
    )


def _cell(value: object) -> str:
    return "-" if value is None else escaped(str(value))


def _lines_escaped(text: str) -> str:
    """As `escaped`, for what may have several lines."""
    return "\n".join(map(escaped, text.split("\n")))


def escaped(text: str) -> str:
    """What a terminal would obey instead of showing it, as in a Python text: \\x1b, \\n."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )
