"""Where chaos runs lie: `runs/<utc>-<name>-<seed>/` in the home, and what is in such a folder."""

import json
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings

LATEST = "latest"
_NAME = re.compile(r"(\d{8}T\d{6}(?:-\d+)?)-(.+)-\d+")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run's files. Some are missing where it broke off."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def scenario(self) -> str:
        """Its scenario's name."""
        found = _NAME.fullmatch(self.name)
        return found[2] if found else ""

    @property
    def stamp(self) -> str:
        """When it was made, to the second."""
        found = _NAME.fullmatch(self.name)
        assert found is not None, "make_run_folder named it"
        return found[1]

    @property
    def result(self) -> Path:
        """The verdict, with all that was measured: a `raftctl.chaos/v1`."""
        return self.path / "result.json"

    @property
    def plan(self) -> Path:
        """The scenario as it was carried out: names of nodes in the place of selectors."""
        return self.path / "plan.resolved.toml"

    @property
    def history(self) -> Path:
        """What clients asked and were told, a line each."""
        return self.path / "history.jsonl"

    @property
    def raft(self) -> Path:
        """What the nodes told of roles, terms, votes and commits, a line each."""
        return self.path / "raft.jsonl"

    @property
    def probes(self) -> Path:
        """Which of the probes were answered, a line each."""
        return self.path / "probes.jsonl"

    @property
    def metrics(self) -> Path:
        """What clients saw, a line for each half second."""
        return self.path / "metrics.csv"

    @property
    def check(self) -> Path:
        """Whether the history is linearizable: a `raftctl.check/v1`."""
        return self.path / "check.json"

    @property
    def committed(self) -> Path:
        """Which commands took effect: what came of those whose client does not know it."""
        return self.path / "committed.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def junit(self) -> Path:
        return self.path / "junit.xml"

    @property
    def recording(self) -> Path:
        """What was done, and what the nodes told of themselves, for `tui --replay`."""
        return self.path / "recording.frames"

    @property
    def home(self) -> Path:
        """Of the cluster that the run made for itself."""
        return self.path / "home"

    def document(self) -> dict[str, Any]:
        """What is in `result`. Raises CliError where nothing is that can be read."""
        hint = "raftctl chaos ls has others"
        try:
            found = json.loads(self.result.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            message = f"{self.name} has no verdict: it broke off, or goes on still"
            raise CliError("E_RUN", message, Exit.NOT_FOUND, hint=hint) from error
        except (OSError, ValueError) as error:
            message = f"{self.name} has no verdict that can be read: {error}"
            raise CliError("E_RUN", message, Exit.NOT_FOUND, hint=hint) from error
        if not isinstance(found, dict):
            raise CliError("E_RUN", f"{self.result} is no result of a run", Exit.USAGE)
        return found


def runs_folder(settings: Settings) -> Path:
    return settings.home / "runs"


def make_run_folder(settings: Settings, name: str, seed: int) -> RunFolder:
    """A new one. Raises OSError."""
    folder = runs_folder(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    number = 1
    while True:
        path = folder / f"{stamp}{f'-{number}' if number > 1 else ''}-{name}-{seed}"
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
        else:
            break
    latest, aside = folder / LATEST, folder / f".{path.name}.latest"
    aside.symlink_to(path.name)
    aside.replace(latest)
    return RunFolder(path)


def all_runs(settings: Settings) -> list[RunFolder]:
    """Of this home, the newest first."""
    try:
        found = [each for each in runs_folder(settings).iterdir() if _NAME.fullmatch(each.name)]
    except FileNotFoundError:
        return []
    return [RunFolder(path) for path in sorted(found, reverse=True) if path.is_dir()]


def find_run_folder(settings: Settings, name: str) -> RunFolder:
    """By its name, `latest`, the name of its scenario (the newest), or a path.

    Raises CliError (exit 9).
    """
    runs = all_runs(settings)
    if name == LATEST and runs:
        return next((run for run in runs if run.history.is_file()), runs[0])
    for run in runs:
        if name in (run.name, run.scenario):
            return run
    path = Path(name)
    if path.is_dir() and (path / "history.jsonl").exists():
        return RunFolder(path)
    names = ", ".join(run.name for run in runs[:5])
    hint = f"there are: {names}" if runs else "raftctl chaos run smoke makes one"
    raise CliError("E_NO_RUN", f"{name}: no such file, and no run", Exit.NOT_FOUND, hint=hint)


def remove_run_folder(folder: RunFolder) -> None:
    """With all that is in it. Raises OSError."""
    shutil.rmtree(folder.path)
    latest = folder.path.parent / LATEST
    if latest.is_symlink() and not latest.exists():
        latest.unlink()
