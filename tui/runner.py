"""Runs the command lines of actions, as processes of their own."""

import asyncio
import os
import shlex
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

OUTPUT_BYTES_MAX = 256 * 1024
_CHUNK = 16 * 1024


class Outcome(NamedTuple):
    """How a command ended. `printed` is what it wrote, to both streams, at most 256 KiB of it."""

    code: int
    printed: str
    seconds: float

    @property
    def headline(self) -> str:
        """The line to show: of a failure the error, else what came first."""
        lines = [line.strip() for line in self.printed.splitlines() if line.strip()]
        if self.code:
            lines = [line for line in lines if line.startswith("error")] or lines
        return lines[0] if lines else "done" if not self.code else f"exit {self.code}"


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
        process = await asyncio.create_subprocess_exec(
            *self._prefix,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
        )
        assert process.stdout is not None, "it is a pipe"
        kept = bytearray()
        try:
            while data := await process.stdout.read(_CHUNK):
                kept += data[: OUTPUT_BYTES_MAX - len(kept)]
                if on_output is not None:
                    on_output(data.decode("utf-8", "replace"))
            code = await process.wait()
        except asyncio.CancelledError:
            if process.returncode is None:
                process.terminate()
            raise
        return Outcome(code, kept.decode("utf-8", "replace"), time.monotonic() - begin)


def as_typed(line: str, arguments: Sequence[str]) -> str:
    """The line to type for it; `line` is how it begins."""
    return " ".join([line, *map(shlex.quote, arguments)])
