"""A recording as a film: seek, step, play. Pure; time is passed in.

To be at some moment is to have folded all frames up to it, with the same `fold` that live frames
go through. Copies of the model along the way make it cheap to go back.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace

from node.wire.messages import Frame, Happened
from tui.chronicle import chronicle_of
from tui.model import ClusterModel
from tui.nodes import Reach

FRAMES_MAX = 2_000_000
CHECKPOINTS_MAX = 64
CHECKPOINT_FRAMES_MIN = 1_000
REBOOT_NS = 10_000_000_000
"""Frames stand in order but for a moment: when their clock goes back by more, it began anew."""
SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
LANDMARKS = frozenset({"leader", "election", "fault", "heal", "boot"})
BOOKMARKS_MAX = 100
RECORDED = Reach(is_open=True)


class FilmError(Exception):
    """There is no such recording, or nothing can be read of it; the message says why."""


class Film:
    """All frames of a recording, by their common clock, and where one is in it."""

    def __init__(self, frames: Iterable[Frame], name: str, note: str = "") -> None:
        """`frames` in order, with the node in `id`. `note`: what is wrong with the file, if
        anything.
        """
        self.name = name
        self.note = note
        self._frames: list[Frame] = []
        self._times: list[int] = []
        newest = shift = 0
        for frame in frames:
            if len(self._frames) >= FRAMES_MAX:
                self.note = self.note or f"only the first {FRAMES_MAX:,} frames are shown"
                break
            if frame.mono_ns + shift < newest - REBOOT_NS:
                # The machine was booted anew: Unix time says how long that took.
                away_ns = max(frame.wall_ns - self._frames[-1].wall_ns, 0)
                shift = newest + away_ns - frame.mono_ns
            if shift:
                frame = replace(frame, mono_ns=frame.mono_ns + shift)
            newest = max(newest, frame.mono_ns)
            self._frames.append(frame)
            self._times.append(newest)
        self.chronicle = chronicle_of(self._frames)
        """Who led when, and which faults lasted how long."""
        self.model = ClusterModel()
        self._at = 0
        self._gap = max(len(self._frames) // CHECKPOINTS_MAX, CHECKPOINT_FRAMES_MIN)
        self._checkpoints: dict[int, ClusterModel] = {}
        self.now_ns = self.begin_ns
        self.speed = SPEEDS.index(1.0)
        self.is_playing = False
        self.bookmarks: list[int] = []
        self._node_ids = sorted({frame.id for frame in self._frames})
        self.seek(self.begin_ns)

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def begin_ns(self) -> int:
        return self._times[0] if self._times else 0

    @property
    def end_ns(self) -> int:
        return self._times[-1] if self._times else 0

    def wall_of(self, time_ns: int) -> int:
        """Unix time at a moment, as the frame before it has it."""
        at = max(bisect_right(self._times, time_ns) - 1, 0)
        if not self._times:
            return time_ns
        return self._frames[at].wall_ns + time_ns - self._times[at]

    @property
    def frames(self) -> Sequence[Frame]:
        return self._frames

    # -- moving ------------------------------------------------------------------------------------
    def seek(self, time_ns: int) -> None:
        """Be at that moment, as far as the recording goes."""
        self.now_ns = min(max(time_ns, self.begin_ns), self.end_ns)
        self._fold_up_to(bisect_right(self._times, self.now_ns))

    def _fold_up_to(self, count: int) -> None:
        if count < self._at:
            start = max((at for at in self._checkpoints if at <= count), default=0)
            version = self.model.version
            self.model = self._checkpoints[start].copy() if start else ClusterModel()
            self.model.version = version + 1  # whatever was painted is of another moment
            self._at = start
        if not self._at:
            self.model.members(self._node_ids)
            for node_id in self._node_ids:
                self.model.reach(node_id, RECORDED)
        for at in range(self._at, count):
            frame = self._frames[at]
            self.model.fold(frame, frame.id)
            if (at + 1) % self._gap == 0 and at + 1 not in self._checkpoints:
                self._checkpoints[at + 1] = self.model.copy()
        self._at = count

    def advance(self, seconds: float) -> None:
        """Play on for that long, at the speed; it stops at the end."""
        if not self.is_playing:
            return
        self.seek(self.now_ns + round(seconds * SPEEDS[self.speed] * 1e9))
        if self.now_ns >= self.end_ns:
            self.is_playing = False

    def play_or_pause(self) -> None:
        if not self.is_playing and self.now_ns >= self.end_ns:
            self.seek(self.begin_ns)
        self.is_playing = not self.is_playing

    def change_speed(self, by: int) -> None:
        self.speed = min(max(self.speed + by, 0), len(SPEEDS) - 1)

    def step(self, what: str, by: int) -> None:
        """To the next or previous frame, event, landmark (elections, faults), bookmark, or end."""
        self.is_playing = False
        if what == "end":
            self.seek(self.begin_ns if by < 0 else self.end_ns)
        elif what == "bookmark":
            self._to(self.bookmarks, by)
        elif what == "frame":
            self._to(self._times, by)
        else:
            wanted = None if what == "event" else LANDMARKS
            self._to(self.times_of(wanted), by)

    def _to(self, times: Sequence[int], by: int) -> None:
        if by > 0:
            at = bisect_right(times, self.now_ns)
            if at < len(times):
                self.seek(times[at])
        else:
            at = bisect_left(times, self.now_ns) - 1
            if at >= 0:
                self.seek(times[at])

    def toggle_bookmark(self) -> bool:
        """At this moment; whether there is one now."""
        if self.now_ns in self.bookmarks:
            self.bookmarks.remove(self.now_ns)
            return False
        if len(self.bookmarks) < BOOKMARKS_MAX:
            self.bookmarks = sorted([*self.bookmarks, self.now_ns])
        return self.now_ns in self.bookmarks

    # -- what is in it -----------------------------------------------------------------------------
    def times_of(self, kinds: frozenset[str] | None) -> list[int]:
        """When events of these kinds were, None: of any; in order."""
        return [
            self._times[at]
            for at, frame in enumerate(self._frames)
            if isinstance(frame, Happened) and (kinds is None or frame.kind in kinds)
        ]
