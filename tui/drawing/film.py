"""The bar under a replay: who led, which faults there were, how much was applied, and where one is.

What does not depend on where one is, is gathered once.
"""

from collections.abc import Sequence

from tui.drawing.text import Line, clock, duration, fill, number, sparkline
from tui.replay import SPEEDS, Film

LABEL = 9
HEIGHT = 4
GROWTH_MAX = 1.05
EFFECT_MARKS = {-1: ("▼", "bad"), 1: ("▲", "good")}


class Lanes:
    """The lanes of one film at one width, as long as it was when they were made."""

    def __init__(self, film: Film, width: int) -> None:
        self.width = width
        self._film = film
        self._begin, self._end, self._frames = film.begin_ns, film.end_ns, len(film)
        self._cells = max(width - LABEL - 1, 1)
        self._reigns = self._reign_lane()
        self._faults = self._effect_lane()
        self._rates = sparkline(self._applied(), self._cells)

    def fit(self, width: int) -> bool:
        """Whether they can be shown: of a film that is being read for as long as it is hardly
        longer than it was.
        """
        is_as_long = len(self._film) == self._frames
        if self._film.read_share is not None:
            is_as_long = len(self._film) <= self._frames * GROWTH_MAX
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
        cells: list[tuple[str, str]] = [("·", "dim")] * self._cells
        for reign in self._film.reigns():
            begin, end = (
                self.place(reign.begin),
                max(self.place(reign.end), self.place(reign.begin)),
            )
            style = f"term{reign.term % 6}"
            for cell in range(begin, end + 1):
                cells[cell] = ("━", style)
            words = f"n{reign.node} t{reign.term}"
            if end - begin >= len(words):
                for at, letter in enumerate(words):
                    cells[begin + at] = (letter, f"bold {style}")
        return _joined(cells)

    def _effect_lane(self) -> Line:
        """What was done to the cluster, for worse and for better."""
        cells: list[tuple[str, str]] = [(" ", "")] * self._cells
        for mark in self._film.marks:
            if mark.effect:
                cells[self.place(mark.time_ns)] = EFFECT_MARKS[mark.effect]
        return _joined(cells)

    def _applied(self) -> list[float]:
        """By how much the highest index that any node applied grew in each cell's time."""
        counts = [0.0] * self._cells
        for time_ns, grown in self._film.applied:
            counts[self.place(time_ns)] += grown
        return counts

    def lines(self) -> list[Line]:
        """Four lines: leaders, faults, rate, and the cursor with the bookmarks."""
        film = self._film
        cursor = [(" ", "")] * self._cells
        for mark in film.bookmarks:
            cursor[self.place(mark)] = ("◆", "accent")
        cursor[self.place(film.now_ns)] = ("▲", "chosen bold")
        return [
            fill([(" leader  ", "dim"), *self._reigns], self.width),
            fill([(" faults  ", "dim"), *self._faults], self.width),
            fill([(" applied ", "dim"), (self._rates, "accent")], self.width),
            fill([("         ", "dim"), *_joined(cursor)], self.width),
        ]


def _joined(cells: Sequence[tuple[str, str]]) -> Line:
    """Neighbours of one style as one piece."""
    line: Line = []
    for text, style in cells:
        if line and line[-1][1] == style:
            line[-1] = (line[-1][0] + text, style)
        else:
            line.append((text, style))
    return line


def title(film: Film) -> str:
    """Where one is, how fast, and of what."""
    state = "▶ PLAYING" if film.is_playing else "‖ PAUSED"
    at = duration((film.now_ns - film.begin_ns) / 1e9)
    end = duration((film.end_ns - film.begin_ns) / 1e9)
    wall = clock(film.now_ns + film.model.wall_offset_ns, 3)
    speed = SPEEDS[film.speed]
    reading = "" if film.read_share is None else f"  reading {film.read_share:.0%}"
    frames = f"{number(len(film))} frames{reading}"
    return f"{film.name}  {state}  +{at} of {end}  {wall}  ×{speed:g}  {frames}"


KEYS_WORDS = ", . frame  [ ] event  { } election, fault  space play  < > speed  m mark  n N marks"
