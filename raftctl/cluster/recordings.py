"""The recording that a command line means, and its frames, merged."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from node.wire.messages import Frame, Recording
from node.wire.recording import Part, RecordingError, merge, read_recording
from raftctl.cluster.directory import clusters_folder
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings

SEGMENT = re.compile(r"(\w+)-(\d+)\.frames")


class Recorded:
    """The files of one run. Once they were read, `cluster` is whose it is, and `damage` says what
    could not be read.
    """

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths
        self.cluster = ""
        self.damage = ""

    def frames(self) -> Iterator[Frame]:
        """Of all files, by the nodes' clock; of a damaged one what is in front of the damage."""
        with contextlib.ExitStack() as opened:
            parts: list[Part] = []
            for path in self.paths:
                frames = read_recording(opened.enter_context(path.open("rb")))
                try:
                    head = next(frames)
                except RecordingError as error:
                    self._note(path, error)
                    continue
                assert isinstance(head, Recording), "a recording begins with its head"
                self.cluster = head.cluster
                parts.append(Part(head, self._until_damage(path, frames)))
            yield from merge(parts)

    def _until_damage(self, path: Path, frames: Iterator[Recording | Frame]) -> Iterator[Frame]:
        try:
            for frame in frames:
                if not isinstance(frame, Recording):
                    yield frame
        except RecordingError as error:
            if not error.is_cut:  # a node that runs is about to write the rest
                self._note(path, error)

    def _note(self, path: Path, error: RecordingError) -> None:
        self.damage = self.damage or f"{path.name}: {error}"


def open_run(settings: Settings, run: str) -> Recorded:
    """`run`: a file, a cluster's name, or latest. Raises CliError when there is none."""
    path = Path(run)
    saved = settings.home / "runs"
    for each in (path, saved / run, saved / f"{run}.frames"):
        if each.is_file():
            return Recorded([each])
    folder = clusters_folder(settings)
    if run == "latest":
        flights = [*saved.glob("*.frames"), *folder.glob("*/n*/flight/*.frames")]
        newest = max(flights, key=_changed_ns, default=None)
        if newest is not None and newest.parent == saved:
            return Recorded([newest])
        run = newest.parents[2].name if newest is not None else run
    segments = sorted((folder / run).glob("n*/flight/*.frames"), key=_segment)
    if "/" in run or not segments:
        hint = "raftctl up records what its nodes do; a file is named by its path"
        raise CliError("E_NO_RUN", f"there is no recording {run!r}", Exit.NOT_FOUND, hint=hint)
    return Recorded(segments)


def _changed_ns(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime_ns
    return 0


def _segment(path: Path) -> tuple[str, int]:
    found = SEGMENT.fullmatch(path.name)
    return (found[1], int(found[2])) if found else (path.name, 0)
