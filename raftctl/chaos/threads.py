"""Threads that go on as long as a run does. One that fails ends the run: what it was to see would
be missing, and nobody would know.
"""

import threading
from collections.abc import Callable

from raftctl.errors import CliError
from raftctl.exit_codes import Exit


class Threads:
    """Begun and ended together."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._failure: tuple[str, Exception] | None = None

    def add(self, name: str, run: Callable[[], None]) -> None:
        """One more, to be started with the others."""
        self._threads.append(
            threading.Thread(target=self._guarded, args=(name, run), name=name, daemon=True)
        )

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def check(self) -> None:
        """Raises CliError when one has failed."""
        if self._failure is None:
            return
        name, error = self._failure
        message = f"the {name} of the run failed: {type(error).__name__}: {error}"
        hint = "nothing is known about the cluster by that; run it again"
        raise CliError("E_BROKEN_OFF", message, Exit.UNEXPECTED, hint=hint) from error

    def _guarded(self, name: str, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception as error:  # whatever it is, the run is over
            self._failure = self._failure or (name, error)
