"""What has come of one node's stream, over all connections to it: nothing twice, and holes told.

Two positions differ for a while behind a Gap: the newest frame that came, and the newest one up to
which the status is whole. A connection that breaks there goes on from the second, so that what
changed the status comes again; events that were taken before are left out all the same.
"""

from node.wire.messages import Changed, Frame, Gap, Happened, Keyframe


class Following:
    """One node. `take` what arrives, in the order in which it does."""

    def __init__(self) -> None:
        self.boot = 0
        """The life of the node that is followed."""
        self.is_whole = False
        """Its status is known, and nothing that changed it is missing."""
        self.term = 0
        self._whole_boot = 0
        self._whole_seq = 0
        """The newest frame at which the status was whole: from there a new connection goes on."""
        self._at = 0
        """The last frame, of this life, that this connection has told or left out."""
        self._newest = 0
        """The newest frame of this life that was passed on."""
        self._lost = 0
        """The last frame of this life that a Gap has told."""
        self._is_ordered = False
        """What comes next has to be the next frame: a status came, and no Gap after it."""
        self._mono_ns = 0
        self._wall_ns = 0

    @property
    def seq(self) -> int:
        """The newest frame of this life that came, or is known to be lost."""
        return max(self._newest, self._lost)

    def resume(self, boot: int) -> tuple[int, int]:
        """A new connection begins, to the node's life `boot`: what to subscribe behind, as boot and
        number. Zeros: there is nothing to go on from.
        """
        self.is_whole = self._is_ordered = boot == self._whole_boot
        if not self.is_whole:
            return 0, 0
        self._at = self._whole_seq
        return self._whole_boot, self._whole_seq

    def take(self, frame: Frame) -> tuple[Frame, ...]:
        """The frame if it is new, and in front of it a Gap if others are missing."""
        is_other = frame.boot != self.boot
        if is_other and frame.mono_ns < self._mono_ns and frame.wall_ns < self._wall_ns:
            return ()  # of a life that is over
        if isinstance(frame, Gap):
            return self._gap(frame)
        if not is_other and self._is_known(frame):
            return ()
        gaps = self._hole(frame) if self._is_ordered else ()
        if is_other:
            self.boot, self._newest, self._lost = frame.boot, 0, 0
            self.is_whole = False
        is_told = frame.seq <= self._newest and isinstance(frame, Happened)
        self._note(frame)
        return gaps if is_told else (*gaps, frame)

    def _is_known(self, frame: Frame) -> bool:
        if isinstance(frame, Keyframe):  # it has the number of the frame in front of it
            return frame.seq < max(self._at, self._lost)
        return frame.seq <= self._at

    def _gap(self, frame: Gap) -> tuple[Gap, ...]:
        is_other = frame.boot != self.boot  # of a new life nothing was missed
        if not is_other and frame.last <= self._at:
            return ()
        self.is_whole = self._is_ordered = False
        first = max(frame.first, self.seq + 1)
        if is_other or first > frame.last:
            return ()
        self._lost = frame.last
        return (frame._replace(first=first),)

    def _hole(self, frame: Frame) -> tuple[Gap, ...]:
        """What is missing in front of it."""
        first = self._at + 1 if frame.boot == self.boot else 1
        last = frame.seq if isinstance(frame, Keyframe) else frame.seq - 1
        if first > last:
            return ()
        self.is_whole = False
        head = (frame.id, frame.boot, last, frame.mono_ns, frame.wall_ns)
        return (Gap(*head, first, last, "they did not arrive"),)

    def _note(self, frame: Frame) -> None:
        if isinstance(frame, Happened):
            self.term = max(self.term, frame.term)
        elif isinstance(frame, Changed):
            self._term_of(frame.values)
        elif isinstance(frame, Keyframe):
            self._term_of(frame.status)
            self.is_whole = self._is_ordered = True
        self._at = frame.seq
        self._newest = max(self._newest, frame.seq)
        self._mono_ns, self._wall_ns = frame.mono_ns, frame.wall_ns
        if self.is_whole:
            self._whole_boot, self._whole_seq = self.boot, self._at

    def _term_of(self, values: dict[str, object]) -> None:
        term = values.get("term")
        if isinstance(term, int):
            self.term = term
