"""Lines of raftctl that a run carries out, several at a time, each as if somebody typed it."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from raftctl.chaos.owed import Owed, tidy_up
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.verbs import ACTOR_VARIABLE

CLOSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a line ended. `document` is what it printed, where that was one."""

    line: tuple[str, ...]
    exit: int
    document: dict[str, Any]
    error: dict[str, Any]

    @property
    def message(self) -> str:
        """What it says went wrong; empty where nothing did."""
        if self.exit == 0:
            return ""
        said = self.error.get("message") or self._of_targets()
        return str(said or f"exit {self.exit}")

    def check(self) -> None:
        """Raises CliError when it failed."""
        if self.exit:
            raise CliError(
                str(self.error.get("code", "E_CHAOS")),
                f"{' '.join(self.line)}: {self.message}",
                Exit(self.exit) if self.exit in set(Exit) else Exit.UNEXPECTED,
                hint=str(self.error.get("hint") or "raftctl status"),
            )

    def _of_targets(self) -> str:
        targets = self.document.get("targets") or []
        return "; ".join(f"{each['node']} {each['message']}" for each in targets if not each["ok"])


class Lines:
    """Carries out lines on one cluster, in a process that outlives this one for as long as it takes
    to tidy up (see `hand`).
    """

    def __init__(
        self, options: Sequence[str], last: Sequence[Sequence[str]], kept: Sequence[int] = ()
    ) -> None:
        """`options` stand before each line, and say which cluster. `last`: what is done at the end,
        whatever ends this process; where that is nothing, what lines did is undone. `kept`: files
        that stay open until then.
        """
        self._options = list(options)
        self._last = [list(line) for line in last]
        self._owed = Owed()
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "raftctl.chaos.hand"),
                *(json.dumps(self._options), json.dumps(self._last)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {ACTOR_VARIABLE: "chaos"},
            start_new_session=True,  # Ctrl-C is this process' business
            pass_fds=kept,
        )
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[tuple[str, ...], Future[Ended]]] = {}
        self._reader = threading.Thread(target=self._read, name="lines", daemon=True)
        self._number = 0
        self._is_gone = False
        self._reader.start()

    def begin(self, line: Sequence[str]) -> Future[Ended]:
        """Begin to carry it out. Raises CliError when there is nobody any more who could."""
        future: Future[Ended] = Future()
        with self._lock:
            if self._is_gone:
                raise self._gone()
            self._number += 1
            self._waiting[self._number] = (tuple(line), future)
            asked = {"number": self._number, "line": list(line)}
            assert self._process.stdin is not None, "it is a pipe"
            try:
                self._process.stdin.write(json.dumps(asked).encode() + b"\n")
                self._process.stdin.flush()
            except BrokenPipeError as error:
                raise self._gone() from error
        return future

    def do(self, line: Sequence[str], seconds: float = 60.0) -> Ended:
        """Carry it out, and wait. Raises CliError as `begin` does, TimeoutError."""
        return self.begin(line).result(seconds)

    def check(self) -> None:
        """Raises CliError when there is nobody any more who carries lines out."""
        if self._is_gone:
            raise self._gone()

    def close(self) -> None:
        """Have the last lines done, and wait until they are: here, if there is nobody else left."""
        assert self._process.stdin is not None, "it is a pipe"
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        code = self._process.wait(CLOSE_SECONDS)
        self._reader.join()
        assert self._process.stdout is not None, "it is a pipe"
        self._process.stdout.close()
        if code:
            tidy_up(self._options, self._last, self._owed)

    def _gone(self) -> CliError:
        code = self._process.wait()
        how = f"signal {-code}" if code < 0 else f"exit {code}"
        message = f"the process that carries out the steps has ended ({how})"
        hint = "what the run had done is undone; run it again"
        return CliError("E_BROKEN_OFF", message, Exit.UNEXPECTED, hint=hint)

    def _read(self) -> None:
        assert self._process.stdout is not None, "it is a pipe"
        for text in self._process.stdout:
            answer = json.loads(text)
            with self._lock:
                line, future = self._waiting.pop(answer["number"])
            document = last_document(answer["stdout"])
            self._owed.note(line, document)
            future.set_result(
                Ended(line, answer["exit"], document, last_document(answer["stderr"]))
            )
        with self._lock:
            self._is_gone = True
            left = [future for _, future in self._waiting.values()]
        for future in left:
            future.set_exception(self._gone())


def last_document(text: str) -> dict[str, Any]:
    """The last JSON document of a text; empty where there is none."""
    for line in reversed(text.splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return {}
