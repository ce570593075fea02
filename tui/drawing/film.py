"""The bar under a replay: who led, which faults there were, how much was applied, and where one is.

What does not depend on where one is, is gathered once.
"""

from collections.abc import Sequence

from node.wire.messages import Bulk, Happened
from tui.drawing.text import Line, clock, duration, fill, number, sparkline
from tui.replay import SPEEDS, Film

LABEL = 9
HEIGHT = 4


class Lanes:
    """The lanes of one film at one width."""

    def __init__(self, film: Film, width: int) -> None:
        self.width = width
        self._film = film
        self._cells = max(width - LABEL - 1, 1)
        self._reigns = self._reign_lane()
        self._faults = self._mark_lane({"fault": ("▼", "bad"), "heal": ("▲", "good")})
        self._rates = sparkline(self._applied(), self._cells)

    def place(self, time_ns: int) -> int:
        """The cell of a moment."""
        span = max(self._film.end_ns - self._film.begin_ns, 1)
        cell = (time_ns - self._film.begin_ns) * self._cells // span
        return min(max(cell, 0), self._cells - 1)

    def moment_of(self, x: int) -> int:
        """The moment of a cell, for a click there."""
        cell = min(max(x - LABEL, 0), self._cells)
        span = self._film.end_ns - self._film.begin_ns
        return self._film.begin_ns + span * cell // self._cells

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

    def _mark_lane(self, marks: dict[str, tuple[str, str]]) -> Line:
        cells: list[tuple[str, str]] = [(" ", "")] * self._cells
        for frame in self._film.frames:
            if isinstance(frame, Happened) and frame.kind in marks:
                cells[self.place(frame.mono_ns)] = marks[frame.kind]
        return _joined(cells)

    def _applied(self) -> list[float]:
        """By how much the highest index that any node applied grew in each cell's time. What a
        node applies again after a restart is not new.
        """
        counts = [0.0] * self._cells
        highest: int | None = None
        for frame in self._film.frames:
            if isinstance(frame, Bulk) and (highest is None or frame.last > highest):
                counts[self.place(frame.mono_ns)] += frame.last - (highest or frame.first - 1)
                highest = frame.last
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
    return f"{film.name}  {state}  +{at} of {end}  {wall}  ×{speed:g}  {number(len(film))} frames"


KEYS_WORDS = ", . frame  [ ] event  { } election, fault  space play  < > speed  m mark  n N marks"
