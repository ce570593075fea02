"""A recording as a film: seek, step, play. Pure; time is passed in.

To be at some moment is to have folded all frames up to it, with the same `fold` that live frames
go through; from the last picture before it on, so that going anywhere is quick. A film may be shown
while it is still being read: it only gets longer.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from node.wire.messages import Frame
from node.wire.words import BREAKING, MENDING
from tui.chronicle import Chronicle
from tui.footage import Chunk, Footage, Mark, chunks_of
from tui.model import ClusterModel
from tui.nodes import Reach
from tui.timeline import Occurrence

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
LANDMARKS = frozenset({"leader", "election"}) | BREAKING | MENDING
BOOKMARKS_MAX = 100
EVENT_NS = 100_000_000
"""So far from where the clock says it is an event may stand."""
RECORDED = Reach(is_open=True)


class FilmError(Exception):
    """There is no such recording, or nothing can be read of it; the message says why."""


class Film:
    """All frames of a recording, by their common clock, and where one is in it."""

    def __init__(
        self, frames: Iterable[Frame], name: str, note: str = "", began_ns: int | None = None
    ) -> None:
        """`frames` in order, with the node in `id`. `note`: what is wrong with the file, if
        anything. `began_ns`: the moment from which on it is to be seen, on the nodes' clock; what
        comes before it is how the nodes were then. None: from its first frame.
        """
        self.name = name
        self.note = note
        self.read_share: float | None = None
        """How much of it has come, as long as it is being read."""
        self._began_ns = began_ns
        self._footage = Footage()
        self.model = ClusterModel()
        self._at = 0
        self.now_ns = 0
        self.speed = SPEEDS.index(1.0)
        self.is_playing = False
        self.bookmarks: list[int] = []
        for chunk in chunks_of(frames):
            if not self.extend(chunk):
                break

    def extend(self, chunk: Chunk) -> bool:
        """Put it behind the others; False when there is room for no more."""
        if self._footage.is_full:
            self.note = self.note or f"only the first {len(self):,} frames are shown"
            return False
        is_first = not len(self)
        self._footage.add(chunk)
        self._take_nodes()
        if is_first:
            self.seek(self.begin_ns)
        return True

    def _take_nodes(self) -> None:
        """All that are in it are there from the beginning, known or not, until they are removed."""
        left = self.chronicle.left
        there = {n for n in self._footage.node_ids if left.get(n, self.now_ns + 1) > self.now_ns}
        self.model.members(there)
        for node_id in there:
            self.model.reach(node_id, RECORDED)

    def __len__(self) -> int:
        return len(self._footage)

    @property
    def begin_ns(self) -> int:
        times = self._footage.times
        if not times:
            return 0
        return times[0] if self._began_ns is None else min(max(self._began_ns, times[0]), times[-1])

    @property
    def end_ns(self) -> int:
        times = self._footage.times
        return times[-1] if times else 0

    def wall_of(self, time_ns: int) -> int:
        """Unix time at a moment, as the frame before it has it."""
        at = max(bisect_right(self._footage.times, time_ns) - 1, 0)
        before = next(self._footage.frames(at, min(at + 1, len(self))), None)
        return time_ns if before is None else before.wall_ns + time_ns - before.mono_ns

    @property
    def chronicle(self) -> Chronicle:
        """Who led when, and which faults lasted how long."""
        return self._footage.chronicle

    @property
    def marks(self) -> Sequence[Mark]:
        """Its events."""
        return self._footage.marks

    @property
    def applied(self) -> Sequence[tuple[int, int]]:
        """When the highest index that any node applied grew, and by how much."""
        return self._footage.applied

    # -- moving ------------------------------------------------------------------------------------
    def seek(self, time_ns: int) -> None:
        """Be at that moment, as far as the recording goes."""
        self.now_ns = min(max(time_ns, self.begin_ns), self.end_ns)
        self._fold_up_to(bisect_right(self._footage.times, self.now_ns))

    def seek_event(self, event: Occurrence, about_ns: int | None = None) -> None:
        """To where what it changed is seen. `about_ns`: where it stands here; None: Unix time says
        that, to a millisecond or so.
        """
        if about_ns is None:
            about_ns = self.end_ns - (self.wall_of(self.end_ns) - event.wall_ns)
        what = event.node, event.kind, event.term
        same = [mark for mark in self.marks if (mark.node, mark.kind, mark.term) == what]
        nearest = min(same, key=lambda mark: abs(mark.time_ns - about_ns), default=None)
        if nearest is None or abs(nearest.time_ns - about_ns) > EVENT_NS:
            self.seek(about_ns)
        else:
            self.seek(nearest.shown_ns)

    def _fold_up_to(self, count: int) -> None:
        at, picture = self._footage.picture_before(count)
        if count < self._at or at > self._at:
            picture.version = self.model.version + 1  # whatever was painted is of another moment
            self.model, self._at = picture, at
        for frame in self._footage.frames(self._at, count):
            self.model.fold(frame, frame.id)
        self._at = count
        self._take_nodes()

    def advance(self, seconds: float) -> None:
        """Play on for that long, at the speed; it stops at the end."""
        if not self.is_playing:
            return
        self.seek(self.now_ns + round(seconds * SPEEDS[self.speed] * 1e9))
        if self._is_over:
            self.is_playing = False

    @property
    def _is_over(self) -> bool:
        """Whether one is at its end, and no more comes."""
        return self.now_ns >= self.end_ns and self.read_share is None

    def play_or_pause(self) -> None:
        if not self.is_playing and self._is_over:
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
            self._to(self._footage.times, by)
        else:
            self._to(self.times_of(None) if what == "event" else self.landmarks, by)

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
    @property
    def landmarks(self) -> list[int]:
        """Elections, faults, and where nodes went and came back, in order."""
        marks = self.times_of(LANDMARKS)
        absences = [span for span in self.chronicle.spans if not span.is_fault]
        edges = {span.begin for span in absences}
        edges |= {span.end for span in absences if not span.is_open}
        return sorted([*marks, *(edge for edge in edges if not _is_near(marks, edge))])

    def times_of(self, kinds: frozenset[str] | None) -> list[int]:
        """When events of these kinds are seen, None: of any; in order."""
        return sorted({mark.shown_ns for mark in self.marks if kinds is None or mark.kind in kinds})


def _is_near(times: Sequence[int], time_ns: int) -> bool:
    """Whether one of these, given in order, says the same moment."""
    at = bisect_left(times, time_ns - EVENT_NS)
    return at < len(times) and times[at] <= time_ns + EVENT_NS
