"""Runs the command lines of actions, as processes of their own."""

import asyncio
import codecs
import contextlib
import os
import shlex
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

OUTPUT_BYTES_MAX = 256 * 1024
NOT_STARTED = 127
"""The code of a command that could not be started, as shells have it."""
END_SECONDS_MAX = 10.0
"""So long a command that was asked to end is waited for when nobody waits for what it says."""
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
        self,
        arguments: Sequence[str],
        on_output: Callable[[str], None] | None = None,
        stop: asyncio.Event | None = None,
        into: str = "",
    ) -> Outcome:
        """Run raftctl with these arguments to its end. `on_output` gets the lines that it writes,
        as they come. Once `stop` is set the process is asked to end; when this is cancelled, too,
        and has ended then, or had ten seconds for it. `into`: a new file, of its owner alone, that
        gets its data.
        """


class Subprocesses:
    """`prefix`: the command and the options of every line, such as which cluster."""

    def __init__(self, prefix: Sequence[str]) -> None:
        self._prefix = tuple(prefix)

    async def run(
        self,
        arguments: Sequence[str],
        on_output: Callable[[str], None] | None = None,
        stop: asyncio.Event | None = None,
        into: str = "",
    ) -> Outcome:
        try:
            file = _new_file(into) if into else None
        except OSError as error:
            return Outcome(NOT_STARTED, "", f"error: {error.strerror}: cannot write {into}\n", 0.0)
        try:
            return await self._run(arguments, on_output, stop, file)
        finally:
            if file is not None:
                os.close(file)

    async def _run(
        self,
        arguments: Sequence[str],
        on_output: Callable[[str], None] | None,
        stop: asyncio.Event | None,
        file: int | None,
    ) -> Outcome:
        begin = time.monotonic()
        environment = os.environ | {"NO_COLOR": "1", "RAFTCTL_BY": "tui"}
        try:
            process = await asyncio.create_subprocess_exec(
                *self._prefix,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if file is None else file,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
            )
        except (OSError, ValueError) as error:  # no such command, or a byte 0 in an argument
            return Outcome(NOT_STARTED, "", f"error: it did not start: {error}\n", 0.0)
        assert process.stderr is not None, "it is a pipe"
        stopping = asyncio.create_task(_end_when(stop, process))
        try:
            printed, said = await asyncio.gather(
                _read(process.stdout, on_output), _read(process.stderr, on_output)
            )
            code = await process.wait()
        except asyncio.CancelledError:
            _end(process)
            await _see_end(process)
            raise
        finally:
            stopping.cancel()
        return Outcome(code, printed, said, time.monotonic() - begin)


async def _end_when(stop: asyncio.Event | None, process: asyncio.subprocess.Process) -> None:
    if stop is not None:
        await stop.wait()
        _end(process)


def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()


async def _see_end(process: asyncio.subprocess.Process) -> None:
    """Wait for it, for a while, whoever else does not: what it undoes on its way is done then."""
    deadline = time.monotonic() + END_SECONDS_MAX
    while process.returncode is None and (left := deadline - time.monotonic()) > 0:
        # A loop that ends cancels all that is still there once more.
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(left):
                # Who prints much and is not read stands still.
                await asyncio.gather(_drain(process.stdout), _drain(process.stderr))
                await process.wait()


async def _drain(stream: asyncio.StreamReader | None) -> None:
    while stream is not None and await stream.read(_CHUNK):
        pass


def _new_file(path: str) -> int:
    """As recordings are: logs hold what the cluster stored. Raises OSError when it is there."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


async def _read(
    stream: asyncio.StreamReader | None, on_output: Callable[[str], None] | None
) -> str:
    """To its end, of which the beginning is kept. Lines are told whole, unless they are long."""
    if stream is None:  # it goes to a file
        return ""
    kept = bytearray()
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    begun = ""
    while data := await stream.read(_CHUNK):
        kept += data[: OUTPUT_BYTES_MAX - len(kept)]
        begun += decoder.decode(data)
        whole = begun[: begun.rfind("\n") + 1]
        if not whole and len(begun) > OUTPUT_BYTES_MAX:
            whole = begun
        begun = begun[len(whole) :]
        if whole and on_output is not None:
            on_output(whole)
    begun += decoder.decode(b"", final=True)
    if begun and on_output is not None:
        on_output(begun)
    return kept.decode("utf-8", "replace")


def as_typed(line: str, arguments: Sequence[str], into: str = "") -> str:
    """The line to type for it; `line` is how it begins, `into` a file that gets its data."""
    typed = f"{line} {shlex.join(arguments)}"
    return f"{typed} > {shlex.quote(into)}" if into else typed
