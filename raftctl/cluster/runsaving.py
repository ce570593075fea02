"""A part of a recording as a file of its own: one, merged, that begins with the nodes' status."""

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from node.wire.codec import encode
from node.wire.messages import Changed, Frame, Keyframe, Recording
from node.wire.recording import CLUSTER, FORMAT, checked_frame
from raftctl.cluster.eventstream import Item
from raftctl.cluster.recordings import SUFFIX, Run, saved_folder
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings
from raftctl.values import seconds, usage

FOREVER_NS = 1 << 62


@dataclass
class Saved:
    """What was written. Times are Unix nanoseconds."""

    path: Path
    frames: int = 0
    size_bytes: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    nodes: set[int] = field(default_factory=set)


def moment(text: str | None, began_ns: int, default_ns: int) -> int:
    """`+2m30s` after the beginning, or a time as in 2026-11-24T12:00:00Z, as Unix nanoseconds.

    Raises CliError (exit 2).
    """
    if text is None:
        return default_ns
    if text.startswith("+"):
        return began_ns + int(seconds(text[1:]) * 1e9)
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        return int(found.timestamp() * 1e9)
    except (ValueError, OverflowError):
        raise usage(f"{text!r} is no time", "+2m30s, or 2026-11-24T12:00:00Z") from None


def between(
    items: Iterator[Item], cluster: str, first_ns: int, last_ns: int
) -> Iterator[Recording | Frame]:
    """The head of a recording, and the frames from then to then. In front of these stands the
    status of each node at that time, as old as it was: of one that had ended long before it is
    what was known last. Nothing at all, when no frame is of that time.
    """
    known: dict[int, Keyframe] = {}
    has_begun = False
    for item in items:
        frame = item.frame
        if frame.wall_ns > last_ns:
            continue  # clocks of Unix time may be set back
        if not has_begun and frame.wall_ns < first_ns:
            _fold(known, frame)
            continue
        if not has_begun:
            has_begun = True
            yield Recording(FORMAT, cluster, CLUSTER, 0, frame.wall_ns, frame.mono_ns)
            earlier = [_before(keyframe, frame) for keyframe in known.values()]
            yield from sorted(earlier, key=lambda keyframe: keyframe.mono_ns)
        yield frame


def _before(keyframe: Keyframe, frame: Frame) -> Keyframe:
    """On the clock of the frame, which may have begun anew with the machine since then."""
    if keyframe.mono_ns <= frame.mono_ns:
        return keyframe
    age_ns = max(frame.wall_ns - keyframe.wall_ns, 0)
    return keyframe._replace(mono_ns=max(frame.mono_ns - age_ns, 0))


def _fold(known: dict[int, Keyframe], frame: Frame) -> None:
    before = known.get(frame.id)
    if isinstance(frame, Keyframe):
        known[frame.id] = frame
    elif before is not None:
        status: dict[str, Any] = before.status
        if isinstance(frame, Changed):
            status = {**status, **frame.values}
        head = (frame.id, frame.boot, frame.seq, frame.mono_ns, frame.wall_ns)
        known[frame.id] = Keyframe(*head, status)


def default_path(settings: Settings, run: Run) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    return saved_folder(settings) / f"{run.name}-{stamp}{SUFFIX}"


def save(run: Run, path: Path, first_ns: int, last_ns: int, cluster: str | None = None) -> Saved:
    """Write it, all or nothing, as that of a cluster of this name, else of its own.

    Raises CliError (exit 6: there is such a file; exit 9: nothing was recorded in that time),
    OSError.
    """
    if path.exists():
        raise CliError(
            "E_EXISTS", f"{path} is there already", Exit.PRECONDITION, hint="another FILE"
        )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    saved = Saved(path)
    name = cluster or min(head.cluster for _, head in run.heads())
    # A name that nobody can have taken before: FILE may be in a folder of others.
    descriptor, made = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    aside = Path(made)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for frame in between(run.items(), name, first_ns, last_ns):
                file.write(checked_frame(encode(frame)))
                saved.last_ns = frame.wall_ns
                if isinstance(frame, Recording):
                    saved.first_ns = frame.wall_ns
                else:
                    saved.frames += 1
                    saved.nodes.add(frame.id)
            saved.size_bytes = file.tell()
        if not saved.frames:
            message = f"nothing of {run.name} was recorded in that time"
            hint = f"raftctl runs show {run.name} says which there is"
            raise CliError("E_NO_FRAMES", message, Exit.NOT_FOUND, hint=hint)
        aside.rename(path)
    finally:
        aside.unlink(missing_ok=True)
    return saved
