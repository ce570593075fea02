"""Runs the command lines of actions, as processes of their own."""

import asyncio
import os
import shlex
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

OUTPUT_BYTES_MAX = 256 * 1024
NOT_STARTED = 127
"""The code of a command that could not be started, as shells have it."""
_CHUNK = 16 * 1024


class Outcome(NamedTuple):
    """How a command ended. `printed` is its data, `said` what it wrote beside that, such as errors;
    at most 256 KiB of each.
    """

    code: int
    printed: str
    said: str
    seconds: float

    @property
    def headline(self) -> str:
        """The line to show: of a failure the error, else what came first."""
        printed, said = _lines(self.printed), _lines(self.said)
        if self.code:
            errors = [line for line in said if line.startswith("error")]
            return next(iter([*errors, *printed, *said]), f"exit {self.code}")
        return next(iter([*printed, *said]), "done")


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


class Runner(Protocol):
    """What runs an action; tests put another one in its place."""

    async def run(
        self, arguments: Sequence[str], on_output: Callable[[str], None] | None = None
    ) -> Outcome:
        """Run raftctl with these arguments to its end. `on_output` gets what it writes, as it
        comes. Cancelled, it ends the process.
        """


class Subprocesses:
    """`prefix`: the command and the options of every line, such as which cluster."""

    def __init__(self, prefix: Sequence[str]) -> None:
        self._prefix = tuple(prefix)

    async def run(
        self, arguments: Sequence[str], on_output: Callable[[str], None] | None = None
    ) -> Outcome:
        begin = time.monotonic()
        environment = os.environ | {"NO_COLOR": "1"}
        try:
            process = await asyncio.create_subprocess_exec(
                *self._prefix,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
            )
        except (OSError, ValueError) as error:  # no such command, or a byte 0 in an argument
            return Outcome(NOT_STARTED, "", f"error: it did not start: {error}\n", 0.0)
        assert process.stdout is not None, "it is a pipe"
        assert process.stderr is not None, "it is a pipe"
        try:
            printed, said = await asyncio.gather(
                _read(process.stdout, on_output), _read(process.stderr, on_output)
            )
            code = await process.wait()
        except asyncio.CancelledError:
            if process.returncode is None:
                process.terminate()
            raise
        return Outcome(code, printed, said, time.monotonic() - begin)


async def _read(stream: asyncio.StreamReader, on_output: Callable[[str], None] | None) -> str:
    """To its end, of which the beginning is kept."""
    kept = bytearray()
    while data := await stream.read(_CHUNK):
        kept += data[: OUTPUT_BYTES_MAX - len(kept)]
        if on_output is not None:
            on_output(data.decode("utf-8", "replace"))
    return kept.decode("utf-8", "replace")


def as_typed(line: str, arguments: Sequence[str]) -> str:
    """The line to type for it; `line` is how it begins."""
    return " ".join([line, *map(shlex.quote, arguments)])
