"""The frames of a recording, small enough to keep all of them. Pure.

A recording of several nodes has a million frames, which are gigabytes as objects. They are kept as
they were recorded, compressed, in chunks, each with a picture of the cluster behind it: whoever
wants to see a moment takes the picture before it, and folds the few frames from there on.
"""

import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from node.wire.codec import decode, encode_frame
from node.wire.framing import FrameReader
from node.wire.messages import Bulk, Changed, Frame, Keyframe
from node.wire.recording import CLUSTER, FRAME_BYTES_MAX
from node.wire.words import effect_of
from tui.chronicle import Chronicle, Chronicler
from tui.model import ClusterModel

CHUNK_FRAMES = 2_000
FIRST_FRAMES = 250
"""In the first chunk: it is shown before any other is read."""
BYTES_MAX = 512 * 1024 * 1024
"""What is kept of a recording at most, compressed."""
MARK_BYTES = 800
"""About what an event takes, here and in the pictures."""
SHOWS_NS = 100_000_000
"""Within that time a node tells what an event changed."""
PICTURES_MAX = 256
REBOOT_NS = 10_000_000_000
"""Frames stand in order but for a moment: when their clock goes back by more, it began anew."""
_FASTEST = 1


@dataclass(slots=True)
class Mark:
    """An event, as far as a timeline shows it. `effect`: see `effect_of`. `shown_ns`: when the node
    told what it was like from then on, which comes behind the event: only there a leader leads.
    """

    time_ns: int
    node: int
    kind: str
    term: int
    effect: int
    shown_ns: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Frames that follow each other. `times` are those of a clock that never goes back; `applied`
    is when the highest index that any node applied grew, and by how much; `picture` is what was
    known behind them, and `chronicle` what the recording told up to there.
    """

    times: "array[int]"
    data: bytes
    marks: Sequence[Mark]
    applied: Sequence[tuple[int, int]]
    node_ids: frozenset[int]
    picture: ClusterModel
    chronicle: Chronicle

    @property
    def size_bytes(self) -> int:
        return len(self.data) + len(self.times) * 8 + len(self.marks) * MARK_BYTES


class _Clock:
    """One clock over a recording: that of the nodes begins anew with their machine."""

    def __init__(self) -> None:
        self.now_ns = 0
        self._shift_ns = 0
        self._wall_ns = 0

    def take(self, frame: Frame) -> Frame:
        """The frame with the time of this clock."""
        if frame.mono_ns + self._shift_ns < self.now_ns - REBOOT_NS:
            # Unix time says how long it took until the machine ran again.
            away_ns = max(frame.wall_ns - self._wall_ns, 0)
            self._shift_ns = self.now_ns + away_ns - frame.mono_ns
        if self._shift_ns:
            frame = frame._replace(mono_ns=frame.mono_ns + self._shift_ns)
        self.now_ns, self._wall_ns = max(self.now_ns, frame.mono_ns), frame.wall_ns
        return frame


def chunks_of(frames: Iterable[Frame]) -> Iterator[Chunk]:
    """The frames, given in order with the node in `id`, in chunks."""
    model, clock, node_ids = ClusterModel(), _Clock(), set[int]()
    chronicler = Chronicler()
    highest: int | None = None
    times, encoded = array("q"), list[bytes]()
    marks, applied = list[Mark](), list[tuple[int, int]]()
    not_shown: dict[int, list[Mark]] = {}
    wanted = min(FIRST_FRAMES, CHUNK_FRAMES)

    def cut() -> Chunk:
        data = zlib.compress(b"".join(encoded), _FASTEST)
        known = model.copy(), chronicler.so_far()
        return Chunk(times, data, marks, applied, frozenset(node_ids), *known)

    for given in frames:
        frame = clock.take(given)
        happened = model.fold(frame, frame.id)
        chronicler.take(frame)
        times.append(clock.now_ns)
        encoded.append(encode_frame(frame))
        if frame.id != CLUSTER:
            node_ids.add(frame.id)
        for event in happened:
            if event.kind == "gap":
                continue  # it is one in what was told, not in what happened
            effect, now_ns = effect_of(event.kind, event.data), clock.now_ns
            marks.append(Mark(now_ns, event.node, event.kind, event.term, effect, now_ns))
            not_shown.setdefault(event.node, []).append(marks[-1])
        if isinstance(frame, Keyframe | Changed):
            for mark in not_shown.pop(frame.id, ()):
                if clock.now_ns - mark.time_ns <= SHOWS_NS:
                    mark.shown_ns = clock.now_ns
        if isinstance(frame, Bulk) and (highest is None or frame.last > highest):
            # What a node applies again after a restart is not new.
            applied.append((clock.now_ns, frame.last - (highest or frame.first - 1)))
            highest = frame.last
        if len(times) == wanted:
            yield cut()
            times, encoded, marks, applied = array("q"), [], [], []
            wanted = CHUNK_FRAMES
    if times:
        yield cut()


class Footage:
    """All chunks that have come so far, as one row of frames."""

    def __init__(self) -> None:
        self.times = array("q")
        self.marks: list[Mark] = []
        self.applied: list[tuple[int, int]] = []
        self.node_ids: frozenset[int] = frozenset()
        self.chronicle = Chronicle()
        self.size_bytes = 0
        self._data: list[bytes] = []
        self._starts: list[int] = []
        self._pictures: list[tuple[int, ClusterModel]] = []
        self._spacing = 1
        """A picture of so many chunks each is kept."""
        self._unpacked: tuple[int, list[bytes]] = (-1, [])

    def __len__(self) -> int:
        return len(self.times)

    @property
    def is_full(self) -> bool:
        return self.size_bytes >= BYTES_MAX

    def add(self, chunk: Chunk) -> None:
        self._starts.append(len(self.times))
        self._data.append(chunk.data)
        self.times.extend(chunk.times)
        self.marks += chunk.marks
        self.applied += chunk.applied
        self.node_ids = chunk.node_ids
        self.chronicle = chunk.chronicle
        self.size_bytes += chunk.size_bytes
        if len(self._data) % self._spacing == 0:
            self._pictures.append((len(self.times), chunk.picture))
        if len(self._pictures) > PICTURES_MAX:
            self._spacing *= 2
            self._pictures = self._pictures[1::2]

    def picture_before(self, count: int) -> tuple[int, ClusterModel]:
        """How many frames the last picture shows that shows no more than `count`, and a copy."""
        place = bisect_right(self._pictures, count, key=lambda picture: picture[0])
        if not place:
            return 0, ClusterModel()
        at, picture = self._pictures[place - 1]
        return at, picture.copy()

    def frames(self, begin: int, end: int) -> Iterator[Frame]:
        """Those from number `begin` on, in front of `end`."""
        while begin < end:
            place = bisect_right(self._starts, begin) - 1
            start, payloads = self._starts[place], self._unpack(place)
            for payload in payloads[begin - start : end - start]:
                yield cast(Frame, decode(payload))
            begin = start + len(payloads)

    def _unpack(self, place: int) -> list[bytes]:
        """The last one stays unpacked: playing comes back to it."""
        if self._unpacked[0] != place:
            data = zlib.decompress(self._data[place])
            self._unpacked = place, list(FrameReader(FRAME_BYTES_MAX).feed(data))
        return self._unpacked[1]
