"""Where histories lie, and which format each is in."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from node.verify.history import CommandId, History, HistoryError
from node.verify.reading import history_of, read_history
from raftctl.chaos.folders import LATEST, RunFolder, all_runs, find_run_folder
from raftctl.errors import CliError, from_os_error
from raftctl.exit_codes import Exit
from raftctl.settings import Settings

EDN_SUFFIX = ".edn"
HEAD_BYTES_MAX = 64 * 1024
TOLD_EVERY = 100_000
"""Lines."""

Progress = Callable[[int], None]
"""How many lines are read."""


@dataclass
class Source:
    """A file, alone or in the folder of a run."""

    history: Path
    committed: Path | None = None


def find_source(what: str, settings: Settings, model: str | None = None) -> Source:
    """A file, a folder of a run, its name, or latest: of the model that is asked for, if a run is.
    Raises CliError (exit 9).
    """
    path = Path(what)
    if path.is_file():
        return Source(path)
    folder = _latest_of(model, settings) if what == LATEST and model is not None else None
    if folder is None:
        folder = find_run_folder(settings, what)
    if not folder.history.is_file():
        raise CliError(
            "E_NO_RUN",
            f"{what}: it has no {folder.history.name}",
            Exit.NOT_FOUND,
            hint="raftctl chaos ls has others",
        )
    committed = folder.committed
    return Source(folder.history, committed if committed.is_file() else None)


def _latest_of(model: str, settings: Settings) -> RunFolder | None:
    runs = (run for run in all_runs(settings) if run.history.is_file())
    return next((run for run in runs if _model_of(run.history) == model), None)


def _model_of(history: Path) -> str | None:
    """As its head says, which is the first line."""
    with history.open("rb") as file:
        line = file.readline(HEAD_BYTES_MAX)
    try:
        return read_history([line.decode()]).model
    except (HistoryError, UnicodeDecodeError):
        return None


def load_history(path: Path, progress: Progress | None = None) -> History:
    """Raises CliError: exit 2, with the line, for what is no history."""
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            lines = file if progress is None else _counted(file, progress)
            if path.suffix == EDN_SUFFIX:
                from raftctl.checking.edn import events_of

                return history_of(events_of(lines))
            return read_history(lines)
    except HistoryError as error:
        raise from_history_error(path, error) from error
    except UnicodeDecodeError as error:
        raise from_history_error(path, _no_text(path)) from error
    except OSError as error:
        raise from_os_error(error) from error


def _no_text(path: Path) -> HistoryError:
    """Where it stops to be UTF-8: a file is decoded in pieces, which know of no lines."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                byte = line[error.start]
                return HistoryError(number, f"no UTF-8: {byte:#04x} at byte {error.start + 1}")
    return HistoryError(0, "no UTF-8")


def from_history_error(path: Path, error: HistoryError) -> CliError:
    where = f"{path}:{error.line}" if error.line else str(path)
    return CliError(
        "E_HISTORY",
        f"{where}: {error.message}",
        Exit.USAGE,
        hint="the page Check a history says what lines look like",
        details={"file": str(path), "line": error.line or None},
    )


def _counted(lines: Iterable[str], progress: Progress) -> Iterator[str]:
    for count, line in enumerate(lines, 1):
        if not count % TOLD_EVERY:
            progress(count)
        yield line


def load_committed(path: Path) -> dict[CommandId, int]:
    """The index of each command that took effect: {"commands": [[client, sequence, index], ...]}.
    Raises CliError (exit 2).
    """
    try:
        commands = json.loads(path.read_text(encoding="utf-8"))["commands"]
        if any(type(number) is not int for command in commands for number in command):
            raise TypeError("a command is three whole numbers")
        return {(client, sequence): at for client, sequence, at in commands}
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise CliError(
            "E_HISTORY",
            f"{path}: not the commands of a log",
            Exit.USAGE,
            hint="--no-trust-log goes without",
        ) from error
    except OSError as error:
        raise from_os_error(error) from error
