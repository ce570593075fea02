"""What a run left in its folder, read for its report. Not every run has all of these files."""

import csv
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raftctl.chaos.folders import RunFolder
from raftctl.chaos.report.asked import Asked, History
from raftctl.chaos.report.lives import Said, said
from raftctl.chaos.report.violation import Violation, violation_in
from raftctl.chaos.results import read_result
from raftctl.chaosdocs import ChaosRun
from raftctl.errors import CliError
from raftctl.exit_codes import Exit

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Bin:
    """What clients saw in a part of a second. Latencies in milliseconds, None where none ended."""

    at_s: float
    ok: int
    fail: int
    info: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A probe, and when it was known what came of it, in seconds since the run began."""

    kind: str
    at_s: float
    ok: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run, from its files."""

    run: ChaosRun
    about: str
    bins: list[Bin]
    probes: list[Answer]
    told: list[Said]
    """In the order of time."""
    operations: list[Asked]
    violation: Violation | None
    """Of the history, where it was checked and one was found."""

    @property
    def end_s(self) -> float:
        """When the last thing happened that is drawn."""
        ends = [self.run.duration_s, 0.001]
        ends += [(each.ended_ms or each.began_ms) / 1000 for each in self.run.faults]
        ends += [each.at_s for each in self.probes[-1:]]
        ends += [each.at_s for each in self.told[-1:]]
        ends += [each.to_s for each in self.operations[-1:]]
        return max(ends)


def read_recorded(folder: RunFolder) -> Recorded:
    """Raises CliError for a file that is none of a run, OSError."""
    probes: list[Answer] = []
    told: list[Said] = []
    history = History()
    _each_line(folder.probes, lambda line: probes.append(_answer(line)))
    _each_line(folder.raft, lambda line: told.append(said(line)))
    _each_line(folder.history, history.take)
    return Recorded(
        run=read_result(folder),
        about=_about(folder.plan),
        bins=_bins(folder.metrics),
        probes=probes,
        told=sorted(told, key=lambda each: each.at_s),
        operations=history.operations(),
        violation=_violation(folder.check),
    )


def _each_line(path: Path, take: Callable[[dict[str, Any]], None]) -> None:
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise ValueError("it is no JSON object")
                take(record)
            except KeyError as error:
                raise _unreadable(path, f"line {number} lacks {error}") from error
            except json.JSONDecodeError as error:
                raise _unreadable(path, f"line {number} is no JSON: {error.msg}") from error
            except (TypeError, ValueError) as error:
                raise _unreadable(path, f"line {number}: {error}") from error


def _unreadable(path: Path, why: str) -> CliError:
    return CliError("E_RUN", f"{path}: {why}", Exit.USAGE, hint="raftctl chaos ls has others")


def _about(path: Path) -> str:
    if not path.exists():
        return ""
    try:
        return str(tomllib.loads(path.read_text(encoding="utf-8")).get("about", ""))
    except ValueError as error:
        raise _unreadable(path, str(error)) from error


def _violation(path: Path) -> Violation | None:
    if not path.exists():
        return None
    try:
        return violation_in(json.loads(path.read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, f"no answer of a check: {error}") from error


def _answer(record: Mapping[str, Any]) -> Answer:
    return Answer(str(record["probe"]), record["time"] / NS, bool(record["ok"]))


def _bins(path: Path) -> list[Bin]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        try:
            return [_bin(row) for row in csv.DictReader(file)]
        except (KeyError, TypeError, ValueError) as error:
            raise _unreadable(path, f"no table of metrics: {error}") from error


def _bin(row: Mapping[str, str]) -> Bin:
    ok, fail, info = (int(row[name]) for name in ("ok", "fail", "info"))
    p50, p95, p99, most = (
        float(row[name]) if row[name] else None for name in ("p50_ms", "p95_ms", "p99_ms", "max_ms")
    )
    return Bin(float(row["time_s"]), ok, fail, info, p50, p95, p99, most)
