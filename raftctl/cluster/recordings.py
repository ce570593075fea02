"""Recordings: where they lie, what they are called, and their frames in the order of time.

A live one lies with its cluster, in a folder of each node, and goes on while that runs; saved ones
are a file each, in the home's folder `runs` or wherever somebody put them; that of a chaos run lies
in its folder.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from node.wire.following import Following
from node.wire.messages import Frame, Recording
from node.wire.recording import Part, RecordingError, merge, read_recording
from raftctl.chaos.folders import RunFolder, all_runs
from raftctl.cluster.directory import Cluster, all_clusters
from raftctl.cluster.eventstream import Item
from raftctl.errors import CliError
from raftctl.eventdocs import RunKind
from raftctl.exit_codes import Exit
from raftctl.settings import Settings

LATEST = "latest"
SUFFIX = ".frames"
SAVED_FOLDER = "runs"
WRITING_SECONDS_MAX = 0.5
"""A node writes a frame at once: whoever finds a part of one waits for the rest no longer."""
WRITING_PAUSE_SECONDS = 0.01


class Damage(NamedTuple):
    """What of a file could not be read, and why. `is_cut`: it ends inside a frame, and nobody goes
    on writing it.
    """

    text: str
    is_cut: bool


@dataclass
class Run:
    """A recording: one file, or those of a cluster's nodes. `cluster` is None for a saved one."""

    name: str
    kind: RunKind
    path: Path
    files: list[Path]
    cluster: Cluster | None = None
    damages: list[Damage] = field(default_factory=list)
    """Found so far."""
    _reading: list[BinaryIO] = field(default_factory=list)
    _read_bytes: int = 0
    """Of the files that were read to their end."""

    @property
    def size_bytes(self) -> int:
        return sum(_stat(path)[0] for path in self.files)

    @property
    def ended(self) -> int:
        """When it was last written, in Unix nanoseconds."""
        return max((_stat(path)[1] for path in self.files), default=0)

    def heads(self) -> list[tuple[Path, Recording]]:
        """The heads of its files, in the order in which they were begun. What cannot be read is
        among the damages. Raises CliError when nothing can.
        """
        found: list[tuple[Path, Recording]] = []
        for path in self.files:
            try:
                found.append((path, self._head(path)))
            except FileNotFoundError:
                continue  # its node has just let it go
            except (RecordingError, OSError) as error:
                self._damaged(path, error)
        if not found:
            why = self.damages[0].text if self.damages else f"{self.path}: nothing is in it yet"
            is_other = "it is of format" in why
            hint = (
                "the raftctl that wrote it reads it" if is_other else "raftctl runs ls has others"
            )
            raise CliError("E_RECORDING", why, Exit.CHECK_FAILED, hint=hint)
        return sorted(found, key=lambda each: (each[1].wall_ns, each[1].mono_ns, each[0].name))

    @property
    def problem(self) -> str:
        """The worst that was found so far, and that there is more; empty: nothing."""
        texts = [damage.text for damage in sorted(self.damages, key=lambda damage: damage.is_cut)]
        more = f"; {len(texts) - 1} more: raftctl runs show {self.name}" if len(texts) > 1 else ""
        return f"{texts[0]}{more}" if texts else ""

    @property
    def read_share(self) -> float:
        """How much of it whoever takes its frames has read, from 0 to 1."""
        read_bytes = self._read_bytes + sum(file.tell() for file in self._reading)
        return min(read_bytes / max(self.size_bytes, 1), 1.0)

    def frames(self) -> Iterator[Frame]:
        """All that is in the files, in the order of time. Raises CliError."""
        return merge(list(self._parts()))

    def items(self) -> Iterator[Item]:
        """All frames, in the order of time; a Gap where some are missing. Raises CliError."""
        seen: dict[int, Following] = {}
        for frame in self.frames():
            following = seen.setdefault(frame.id, Following())
            for each in following.take(frame):
                yield Item(frame.id, each, following.term)

    def _parts(self) -> Iterator[Part]:
        """The files of a node after each other, as long as the monotonic clock ran on."""
        chains: dict[int, list[tuple[Path, Recording]]] = {}
        for path, head in self.heads():
            chain = chains.setdefault(head.node_id, [])
            if chain and head.mono_ns < chain[-1][1].mono_ns:
                yield self._part(chain)
                chain = chains[head.node_id] = []
            chain.append((path, head))
        for chain in chains.values():
            yield self._part(chain)

    def _part(self, chain: list[tuple[Path, Recording]]) -> Part:
        return Part(chain[0][1], self._frames([path for path, _ in chain]))

    def _frames(self, paths: list[Path]) -> Iterator[Frame]:
        for path in paths:
            try:
                with path.open("rb") as file, self._counting(file):
                    for frame in self._read(path, file):
                        if not isinstance(frame, Recording):
                            yield frame
            except (RecordingError, OSError) as error:
                self._damaged(path, error)

    def _head(self, path: Path) -> Recording:
        with path.open("rb") as file:
            head = next(self._read(path, file))
        assert isinstance(head, Recording), "it comes first"
        return head

    def _read(self, path: Path, file: BinaryIO) -> Iterator[Recording | Frame]:
        """All that is in it, and the rest of a frame that is just being written."""
        at_byte = 0
        while True:
            try:
                yield from read_recording(file, at_byte)
            except RecordingError as error:
                if not error.is_cut or not self._goes_on(path, file.tell()):
                    raise
                at_byte = error.at_byte
                file.seek(at_byte)
            else:
                return

    def _goes_on(self, path: Path, end: int) -> bool:
        """Whether there is more behind what was read, if need be in a moment."""
        deadline = time.monotonic() + WRITING_SECONDS_MAX
        while _stat(path)[0] <= end:
            if not self._is_written(path) or time.monotonic() >= deadline:
                return False
            time.sleep(WRITING_PAUSE_SECONDS)
        return True

    def _is_written(self, path: Path) -> bool:
        """Whether it is the newest file of a node that runs."""
        if self.cluster is None:
            return False
        node, newest = path.parents[1], max(path.parent.glob(f"*{SUFFIX}"), key=_changed_at)
        return newest == path and any(
            process.folder == node and process.is_running
            for process in self.cluster.processes_now()
        )

    @contextmanager
    def _counting(self, file: BinaryIO) -> Iterator[None]:
        self._reading.append(file)
        try:
            yield
        finally:
            self._reading.remove(file)
            self._read_bytes += file.tell()

    def _damaged(self, path: Path, error: RecordingError | OSError) -> None:
        is_cut = isinstance(error, RecordingError) and error.is_cut
        damage = Damage(f"{path}: {error}", is_cut)
        if damage not in self.damages:  # heads are looked at more than once
            self.damages.append(damage)


def _stat(path: Path) -> tuple[int, int]:
    """Size and time of the last change; zeros for a file that has gone meanwhile."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _changed_at(path: Path) -> int:
    return _stat(path)[1]


def saved_folder(settings: Settings) -> Path:
    return settings.home / SAVED_FOLDER


def find_runs(settings: Settings) -> list[Run]:
    """All recordings of this home, the newest first."""
    runs = []
    for cluster in all_clusters(settings):
        files = sorted(cluster.folder.glob(f"n*/flight/*{SUFFIX}"))
        if files:
            runs.append(Run(cluster.name, "live", cluster.folder, files, cluster))
    runs += [_of_chaos(each) for each in all_runs(settings) if each.recording.is_file()]
    runs += [_saved(path) for path in sorted(saved_folder(settings).glob(f"*{SUFFIX}"))]
    return sorted(runs, key=lambda run: (-run.ended, run.name))


def _saved(path: Path) -> Run:
    return Run(path.name.removesuffix(SUFFIX), "saved", path, [path])


def _of_chaos(folder: RunFolder) -> Run:
    return Run(folder.name, "chaos", folder.path, [folder.recording])


def runs_called(settings: Settings, name: str) -> list[Run]:
    """All that have this name: a cluster and a saved run may have the same one."""
    return [run for run in find_runs(settings) if run.name == name]


def find_run(settings: Settings, name: str) -> Run:
    """A cluster's name, that of a saved run or a chaos run, the latter's scenario (the newest),
    `latest`, a file, or the folder of a chaos run. Raises CliError (exit 9).
    """
    runs = find_runs(settings)
    if name == LATEST and runs:
        return runs[0]
    for run in runs:
        if name in (run.name, RunFolder(run.path).scenario):
            return run
    path = Path(name)
    if path.is_file():
        return _saved(path)
    if (folder := RunFolder(path)).recording.is_file():
        return _of_chaos(folder)
    names = ", ".join(run.name for run in runs[:10])
    hint = f"there are: {names}, and {LATEST}" if runs else "raftctl up -n 3 begins one"
    raise CliError("E_NO_RUN", f"there is no recording {name!r}", Exit.NOT_FOUND, hint=hint)
