"""The bar under a replay: who led, which faults there were, how much was applied, and where one is.

What does not depend on where one is, is gathered once.
"""

from collections.abc import Sequence

from node.wire.recording import CLUSTER
from tui.chronicle import Reign, Span, in_rows
from tui.drawing.text import Line, clock, duration, fill, fit, sparkline
from tui.footage import Mark
from tui.replay import SPEEDS, Film

LABEL = 9
FAULT_ROWS_MAX = 3
GROWTH_MAX = 1.05
EFFECT_MARKS = {-1: ("▼", "bad"), 1: ("▲", "good")}
NOTICED_NS = 10_000_000
"""A stretch without a leader that is shorter than this is how exactly nodes tell of it."""
NAME_MIN = 12
"""So much of a long name stays in a title."""
Cells = list[tuple[str, str]]


class Lanes:
    """The lanes of one film at one width, as long as it was when they were made."""

    def __init__(self, film: Film, width: int) -> None:
        self.width = width
        self.film = film
        self._begin, self._end, self._frames = film.begin_ns, film.end_ns, len(film)
        self._cells = max(width - LABEL - 1, 1)
        self._reigns = self._reign_lane()
        self._faults = self._fault_lanes()
        self._rates = sparkline(self._applied(), self._cells)

    def fit(self, width: int) -> bool:
        """Whether they can be shown: of a film that is being read for as long as it is hardly
        longer than it was.
        """
        is_as_long = len(self.film) == self._frames
        if self.film.read_share is not None:
            is_as_long = len(self.film) <= self._frames * GROWTH_MAX
        return width == self.width and is_as_long

    def place(self, time_ns: int) -> int:
        """The cell of a moment."""
        span = max(self._end - self._begin, 1)
        cell = (time_ns - self._begin) * self._cells // span
        return min(max(cell, 0), self._cells - 1)

    def moment_of(self, x: int) -> int:
        """The moment of a cell, for a click there."""
        cell = min(max(x - LABEL, 0), self._cells)
        return self._begin + (self._end - self._begin) * cell // self._cells

    def _reign_lane(self) -> Line:
        """Who led, and how long nobody did."""
        cells: Cells = [("·", "dim")] * self._cells
        reigns = self.film.chronicle.reigns
        for reign in reigns:
            self._fill(cells, self.place(reign.begin), self.place(reign.end), "━", _style(reign))
        for begin_ns, end_ns in stretches(self.film):
            # The cells in which somebody led as well are that leader's, as long as one is left.
            begin = min(self.place(begin_ns) + (begin_ns > self.film.begin_ns), self._cells - 1)
            end = max(self.place(end_ns) - (end_ns < self.film.end_ns), begin)
            self._fill(cells, begin, end, "╱", "bad")
            self._name(cells, begin, end, "bad", duration((end_ns - begin_ns) / 1e9))
        for reign in reigns:
            begin, end = self.place(reign.begin), self.place(reign.end)
            while begin < end and cells[begin][0] != "━":
                begin += 1
            self._name(cells, begin, end, _style(reign), f"n{reign.node} t{reign.term}")
        return _joined(cells)

    def _fill(self, cells: Cells, begin: int, end: int, sign: str, style: str) -> None:
        for cell in range(begin, end + 1):
            cells[cell] = (sign, style)

    def _name(self, cells: Cells, begin: int, end: int, style: str, *words: str) -> None:
        """The first of these words that there is room for."""
        fitting = next((each for each in words if len(each) <= end - begin), "")
        for at, letter in enumerate(fitting):
            cells[begin + at] = (letter, f"bold {style}")

    def _fault_lanes(self) -> list[Line]:
        """Each fault from its beginning to its end, in as many rows as it takes. Of a simulated
        cluster it is only known when something was done to it, for worse or for better.
        """
        rows, left = in_rows(self.film.chronicle.spans, FAULT_ROWS_MAX)
        lines: list[Line] = []
        if marks := _done_to_cluster(self.film):
            cells: Cells = [(" ", "")] * self._cells
            for mark in marks:
                cells[self.place(mark.time_ns)] = EFFECT_MARKS[mark.effect]
            lines.append(_joined(cells))
        for row in rows:
            cells = [(" ", "")] * self._cells
            for span in row:
                self._draw(cells, span)
            lines.append(_joined(cells))
        if left:
            words = f" {left} more"
            lines[-1] = [*fill(lines[-1], self._cells - len(words)), (words, "warn")]
        return lines or [[]]

    def _draw(self, cells: Cells, span: Span) -> None:
        begin, end = self.place(span.begin), self.place(span.end)
        self._fill(cells, begin, end, "─", "warn")
        self._name(cells, begin, end, "warn", f"[{span.label} ", f"[{span.label.split()[0]}")
        cells[begin] = ("[", "bad")
        if not span.is_open and end > begin:
            cells[end] = ("]", "good")

    def _applied(self) -> list[float]:
        """By how much the highest index that any node applied grew in each cell's time."""
        counts = [0.0] * self._cells
        for time_ns, grown in self.film.applied:
            counts[self.place(time_ns)] += grown
        return counts

    def lines(self) -> list[Line]:
        """The leaders, the faults, the rate, and the cursor with the bookmarks."""
        film = self.film
        cursor: Cells = [(" ", "")] * self._cells
        for mark in film.bookmarks:
            cursor[self.place(mark)] = ("◆", "accent")
        cursor[self.place(film.now_ns)] = ("▲", "chosen bold")
        heads = [" faults  ", *["         "] * (len(self._faults) - 1)]
        return [
            fill([(" leader  ", "dim"), *self._reigns], self.width),
            *(
                fill([(head, "dim"), *lane], self.width)
                for head, lane in zip(heads, self._faults, strict=True)
            ),
            fill([(" applied ", "dim"), (self._rates, "accent")], self.width),
            fill([("         ", "dim"), *_joined(cursor)], self.width),
        ]


def rows_of(film: Film) -> int:
    """How many lines its lanes take."""
    rows, _ = in_rows(film.chronicle.spans, FAULT_ROWS_MAX)
    return 3 + max(len(rows) + bool(_done_to_cluster(film)), 1)


def _done_to_cluster(film: Film) -> list[Mark]:
    return [mark for mark in film.marks if mark.effect and mark.node == CLUSTER]


def stretches(film: Film) -> list[tuple[int, int]]:
    """When nobody led, as far as that can be seen."""
    found = ((max(begin, film.begin_ns), end) for begin, end in film.chronicle.leaderless)
    return [(begin, end) for begin, end in found if end - begin >= NOTICED_NS]


def _style(reign: Reign) -> str:
    return f"term{reign.term % 6}"


def _joined(cells: Sequence[tuple[str, str]]) -> Line:
    """Neighbours of one style as one piece."""
    line: Line = []
    for text, style in cells:
        if line and line[-1][1] == style:
            line[-1] = (line[-1][0] + text, style)
        else:
            line.append((text, style))
    return line


def title(film: Film, width: int) -> str:
    """Where one is, how fast, and of what; where it is narrow, what matters most of it."""
    state = "▶ PLAYING" if film.is_playing else "‖ PAUSED"
    at = duration((film.now_ns - film.begin_ns) / 1e9)
    end = duration((film.end_ns - film.begin_ns) / 1e9)
    without = [end - begin for begin, end in stretches(film)]
    total = f"no leader {len(without)}×, {duration(sum(without) / 1e9)}" if without else ""
    reading = "" if film.read_share is None else f"reading {film.read_share:.0%}"
    pieces = [
        (6, state),
        (7, f"+{at} of {end}"),
        (1, clock(film.now_ns + film.model.wall_offset_ns, 3)),
        (3, f"×{SPEEDS[film.speed]:g}"),
        (5, reading or ("not whole" if film.note else "")),
        (2, total),
        (4, f"◆ {len(film.bookmarks)}" if film.bookmarks else ""),
    ]
    pieces = [piece for piece in pieces if piece[1]]
    while len(pieces) > 1 and min(len(film.name), NAME_MIN) + _width_of(pieces) > width:
        pieces.remove(min(pieces))
    name = fit(film.name, min(len(film.name), width - _width_of(pieces)))
    return "  ".join([name, *(words for _, words in pieces)])


def _width_of(pieces: Sequence[tuple[int, str]]) -> int:
    """With the gap in front of each."""
    return sum(2 + len(words) for _, words in pieces)
