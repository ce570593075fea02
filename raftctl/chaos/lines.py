"""Lines of raftctl that a run carries out, several at a time, each as if somebody typed it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

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

    def _of_targets(self) -> str:
        targets = self.document.get("targets") or []
        return "; ".join(f"{each['node']} {each['message']}" for each in targets if not each["ok"])


class Lines:
    """Carries out lines on one cluster, in a process that outlives this one for as long as it takes
    to tidy up (see `hand`).
    """

    def __init__(self, options: Sequence[str], last: Sequence[Sequence[str]]) -> None:
        """`options` stand before each line, and say which cluster. `last`: what is done at the end,
        whatever ends this process.
        """
        self._options = list(options)
        whole = [[*options, *line] for line in last]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "raftctl.chaos.hand", json.dumps(whole)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {ACTOR_VARIABLE: "chaos"},
            start_new_session=True,  # Ctrl-C is this process' business
        )
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[tuple[str, ...], Future[Ended]]] = {}
        self._reader = threading.Thread(target=self._read, name="lines", daemon=True)
        self._reader.start()
        self._number = 0

    def begin(self, line: Sequence[str]) -> Future[Ended]:
        """Begin to carry it out."""
        future: Future[Ended] = Future()
        with self._lock:
            self._number += 1
            self._waiting[self._number] = (tuple(line), future)
            asked = {"number": self._number, "line": [*self._options, "-o", "json", "-q", *line]}
            assert self._process.stdin is not None, "it is a pipe"
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            self._process.stdin.flush()
        return future

    def do(self, line: Sequence[str], seconds: float = 60.0) -> Ended:
        """Carry it out, and wait. Raises TimeoutError."""
        return self.begin(line).result(seconds)

    def close(self) -> None:
        """Have the last lines done, and wait until they are."""
        assert self._process.stdin is not None, "it is a pipe"
        self._process.stdin.close()
        self._process.wait(CLOSE_SECONDS)
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None, "it is a pipe"
        for text in self._process.stdout:
            answer = json.loads(text)
            with self._lock:
                line, future = self._waiting.pop(answer["number"])
            future.set_result(
                Ended(
                    line, answer["exit"], _document(answer["stdout"]), _document(answer["stderr"])
                )
            )
        for _, future in self._waiting.values():
            future.set_exception(RuntimeError("the process that carries out lines is gone"))


def _document(text: str) -> dict[str, Any]:
    """The last JSON document of a text; empty where there is none."""
    for line in reversed(text.splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return {}
