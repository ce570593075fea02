"""What a command shows: data on stdout, everything else on stderr."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from raftctl.documents import Error, to_json
from raftctl.errors import CliError

PATIENCE_SECONDS = 0.1
MODES = ("text", "wide", "json", "jsonl")


class Output:
    """How this run prints. `started` is when the command began, for the times in its progress."""

    def __init__(
        self, mode: str, quiet: bool, verbose: bool, color: bool, ascii_only: bool
    ) -> None:
        self.mode = mode
        self.quiet = quiet
        self.verbose = verbose
        self.color = color and sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        self.ascii_only = ascii_only
        self.started = time.monotonic()

    @property
    def is_json(self) -> bool:
        return self.mode in ("json", "jsonl")

    @property
    def is_wide(self) -> bool:
        return self.mode == "wide"

    def sign(self, text: str, plain: str) -> str:
        return plain if self.ascii_only else text

    def show(self, document: Any, text: Callable[[], Iterable[str]]) -> None:  # noqa: ANN401
        """Print a document, in the form that was asked for."""
        if self.is_json:
            indent = 2 if self.mode == "json" and sys.stdout.isatty() else None
            sys.stdout.write(json.dumps(to_json(document), indent=indent, ensure_ascii=False))
            sys.stdout.write("\n")
        else:
            for line in text():
                sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def clear_screen(self) -> None:
        """Begin at the top again, on a terminal; what is piped stays a sequence."""
        if sys.stdout.isatty() and not self.is_json:
            sys.stdout.write("\x1b[H\x1b[2J")

    def note(self, text: str) -> None:
        """A line about the data, not data."""
        if not self.quiet:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def done(self, text: str) -> None:
        """A step of something long is through."""
        elapsed = time.monotonic() - self.started
        sign = self.sign("✓", "ok")
        self.note(f" {self._paint('32', sign)} {text:42} {elapsed:5.1f}s")

    @contextmanager
    def patience(self, text: str) -> Iterator[None]:
        """Say `text` if what follows takes a while: nobody should look at an empty screen."""
        timer = threading.Timer(PATIENCE_SECONDS, self.note, [text])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def warn(self, text: str) -> None:
        if not self.quiet:
            self.note(f"{self._paint('33', 'warning:')} {text}")

    def fail(self, error: CliError) -> None:
        """The last thing of a command that failed."""
        if self.is_json:
            document = Error(
                error.code,
                int(error.exit_code),
                error.message,
                error.hint,
                error.cause,
                error.retryable,
                error.outcome,
                error.details,
            )
            sys.stderr.write(json.dumps(to_json(document), ensure_ascii=False) + "\n")
            return
        sys.stderr.write(f"{self._paint('31', 'error')}[{error.code}]: {error.message}\n")
        if error.cause:
            sys.stderr.write(f"cause: {error.cause}\n")
        hint = f"hint:  {error.hint}  " if error.hint else ""
        sys.stderr.write(f"{hint}[exit {int(error.exit_code)}]\n")

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color else text


def printable(text: str) -> str:
    """Text that a terminal takes for text: what would move its cursor stands as an escape."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def table(header: Sequence[str], rows: Iterable[Sequence[object]], empty: str = "-") -> list[str]:
    """Columns under their names; numbers to the right, the last column as it is.

    `empty` stands for a text without characters, where that says something else than None.
    """
    cells = [[_cell(value, empty) for value in row] for row in rows]
    widths = [
        max([len(name), *(len(row[column]) for row in cells)]) for column, name in enumerate(header)
    ]
    right = [
        bool(cells)
        and all(row[column].replace("-", "").isdigit() or row[column] == "-" for row in cells)
        for column in range(len(header))
    ]
    lines = []
    for row in [list(header), *cells]:
        shown = [
            text.rjust(width) if is_number else text.ljust(width)
            for text, width, is_number in zip(row, widths, right, strict=True)
        ]
        lines.append("  ".join(shown).rstrip())
    return lines


def _cell(value: object, empty: str) -> str:
    if value is None:
        return "-"
    return printable(str(value)) or empty
