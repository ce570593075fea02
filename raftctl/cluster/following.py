"""What has come of one node's stream: frames that came twice are left out, and holes are told."""

from collections.abc import Iterator

from node.wire.messages import Bulk, Changed, Frame, Gap, Happened, Keyframe


class Following:
    """One node, over all connections to it."""

    def __init__(self) -> None:
        self.boot = 0
        self.seq = 0
        """Of the newest frame of that boot that was seen."""
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
                if frame.boot == self.boot:  # else it is a new life, of which nothing was missed
                    yield frame
            case Happened() | Changed() | Bulk():
                if frame.boot == self.boot and frame.seq <= self.seq:
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
        self.seq = max(self.seq, frame.seq) if frame.boot == self.boot else frame.seq
        self.boot = frame.boot

    def _hole(self, frame: Frame, until: int) -> Iterator[Gap]:
        """What is missing in front of `until`."""
        first = self.seq + 1 if frame.boot == self.boot else 1
        if first < until:
            head = (frame.id, frame.boot, until - 1, frame.mono_ns, frame.wall_ns)
            yield Gap(*head, first, until - 1, "they did not arrive")

    def _term_of(self, values: dict[str, object]) -> None:
        term = values.get("term")
        if isinstance(term, int):
            self.term = term
