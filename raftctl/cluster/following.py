"""What has come of one node's stream: frames that came twice are left out, and holes are told."""

from collections.abc import Iterator
from dataclasses import replace

from node.wire.messages import Bulk, Changed, Frame, Gap, Happened, Keyframe


class Following:
    """One node, over all connections to it."""

    def __init__(self) -> None:
        self.boot = 0
        self.seq = 0
        """Of the newest frame at which the status was whole: from there on a new connection goes
        on. From a later one, behind a Gap, the status would not come any more.
        """
        self._newest = (0, 0)
        """Boot and number of the newest frame that was seen."""
        self._lost = 0
        """The last frame of that boot that a Gap has told."""
        self.term = 0
        self.is_whole = False
        """Its status is known, and what comes next has to be the next frame."""

    def connected(self) -> None:
        """A new connection begins: with the frame behind the last one, or a Gap."""
        self.is_whole = self.boot != 0

    def take(self, frame: Frame) -> Iterator[Frame]:
        """The frame if it is new, and in front of it a Gap if others are missing."""
        match frame:
            case Keyframe():
                if self.is_whole:
                    yield from self._hole(frame, frame.seq + 1)
                self._term_of(frame.status)
                self.is_whole = True
                self._seen(frame)
                yield frame
            case Gap():
                self.is_whole = False
                boot, _ = self._newest
                first = max(frame.first, self._lost + 1)
                if frame.boot == boot and first <= frame.last:  # of a new life nothing was missed
                    self._lost = frame.last
                    yield replace(frame, first=first)
            case Happened() | Changed() | Bulk():
                boot, seq = self._newest
                if frame.boot == boot and frame.seq <= seq:
                    return
                if self.is_whole:
                    yield from self._hole(frame, frame.seq)
                if isinstance(frame, Changed):
                    self._term_of(frame.values)
                elif isinstance(frame, Happened):
                    self.term = max(self.term, frame.term)
                self._seen(frame)
                yield frame

    def _seen(self, frame: Frame) -> None:
        boot, seq = self._newest
        if frame.boot != boot:
            seq = self._lost = 0
        self._newest = frame.boot, max(seq, frame.seq)
        if self.is_whole:
            self.boot, self.seq = self._newest

    def _hole(self, frame: Frame, until: int) -> Iterator[Gap]:
        """What is missing in front of `until`."""
        boot, seq = self._newest
        first = seq + 1 if frame.boot == boot else 1
        if first < until:
            head = (frame.id, frame.boot, until - 1, frame.mono_ns, frame.wall_ns)
            yield Gap(*head, first, until - 1, "they did not arrive")

    def _term_of(self, values: dict[str, object]) -> None:
        term = values.get("term")
        if isinstance(term, int):
            self.term = term
