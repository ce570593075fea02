"""Pieces of text with the name of a style, and the ways in which numbers and times are written.

A style's name is one of `STYLES`, or several with spaces between: the widgets know the colours.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.cells import cell_len, chop_cells, set_cell_size

Span = tuple[str, str]
Line = list[Span]

STYLES = (
    "dim",
    "bold",
    "strike",
    "reverse",
    "frame",
    "chosen",
    "title",
    "leader",
    "good",
    "warn",
    "bad",
    "accent",
    "term0",
    "term1",
    "term2",
    "term3",
    "term4",
    "term5",
)
TERM_STYLES = 6
INDENT = "  "
BLOCKS = "▏▎▍▌▋▊▉█"
SPARKS = "▁▂▃▄▅▆▇█"


def width_of(line: Iterable[Span]) -> int:
    """In cells of a terminal: a wide character takes two."""
    return sum(cells_of(text) for text, _ in line)


def cells_of(text: str) -> int:
    """Most texts need no looking up."""
    return len(text) if text.isascii() else cell_len(text)


def fit(text: str, width: int) -> str:
    """Exactly `width` cells: with spaces, or cut with an ellipsis."""
    if width <= 0:
        return ""
    if cells_of(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + "…"


def right(text: str, width: int) -> str:
    """As `fit`, at the right edge."""
    return " " * (width - cells_of(text)) + text if cells_of(text) <= width else fit(text, width)


def fill(line: Sequence[Span], width: int) -> Line:
    """The line with spaces at its end, or cut, so that it is exactly `width` cells."""
    filled: Line = []
    left = width
    for text, style in line:
        size = cells_of(text)
        if size > left:
            filled.append((fit(text, left), style))
            return filled
        filled.append((text, style))
        left -= size
    if left:
        filled.append((" " * left, ""))
    return filled


def both_ends(begin: Sequence[Span], end: Sequence[Span], width: int) -> Line:
    """`begin` at the left and `end` at the right edge; where there is no room, `end` counts."""
    room = max(width - width_of(end), 0)
    return fill([*fill(begin, room), *end], width)


def beside(left: Sequence[Line], other: Sequence[Line]) -> list[Line]:
    """Two blocks of the same height, side by side."""
    return [[*one, *two] for one, two in zip(left, other, strict=True)]


def boxed(
    lines: Sequence[Sequence[Span]],
    width: int,
    title: Sequence[Span] = (),
    subtitle: Sequence[Span] = (),
    style: str = "frame",
    heavy: bool = False,
) -> list[Line]:
    """A frame of `width` cells around lines, with a title above and a subtitle below."""
    corners = "┏┓┗┛━┃" if heavy else "╭╮╰╯─│"
    inner = width - 2

    def edge(begin: str, end: str, words: Sequence[Span]) -> Line:
        if not words:
            return [(begin + corners[4] * inner + end, style)]
        shown = fill(words, min(width_of(words), max(inner - 3, 0)))
        rest = max(inner - width_of(shown) - 3, 0)
        line: Line = [(begin + corners[4] + " ", style), *shown]
        return [*line, (" " + corners[4] * rest + end, style)]

    side = (corners[5], style)
    return [
        edge(corners[0], corners[1], title),
        *([side, *fill(line, inner), side] for line in lines),
        edge(corners[2], corners[3], subtitle),
    ]


# -- more than there is room for -------------------------------------------------------------------
def window(lines: Sequence[Line], top: int, width: int, height: int) -> list[Line]:
    """The lines from `top` on that there is room for; arrows at the edge say where others are."""
    shown = list(lines[top : top + height])
    if shown and top > 0:
        shown[0] = _ending(shown[0], "↑", width)
    if shown and top + height < len(lines):
        shown[-1] = _ending(shown[-1], "↓", width)
    return shown


def _ending(line: Line, sign: str, width: int) -> Line:
    *begin, (text, style) = fill(line, width)
    cut = [*begin, (text[:-1], style)] if text.endswith(" ") else fill(line, width - 1)
    return [*cut, (sign, "accent")]


def last_rows(lines: Sequence[str], width: int, count: int) -> list[str]:
    """The last `count` rows of lines, where a long line goes on in the next row, indented."""
    rows: list[str] = []  # the last one first
    for line in reversed(lines):
        if len(rows) >= count:
            break
        text = printable(line)
        whole = cells_of(text) <= width
        first, *rest = [text] if whole else chop_cells(text, max(width - len(INDENT), 1))
        rows += [*(INDENT + part for part in reversed(rest)), first]
    return rows[:count][::-1]


# -- numbers and times -----------------------------------------------------------------------------
def number(value: float | None) -> str:
    """12,345; a dash for what is not known."""
    return "–" if value is None else f"{value:,.0f}"


def size(count: float | None) -> str:
    """Bytes: 43B, 1.2MB; a dash for what is not known."""
    if count is None:
        return "–"
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f}{unit}" if unit == "B" or count >= 100 else f"{count:.1f}{unit}"
        count /= 1000
    return f"{count:.1f}GB"


def milliseconds(ms: float | None) -> str:
    """0.41ms, 9.2ms, 112ms, 1.2s; a dash for what is not known."""
    if ms is None:
        return "–"
    if ms >= 1000:
        return duration(ms / 1000)
    return f"{ms:.0f}ms" if ms >= 10 else f"{ms:.1f}ms" if ms >= 1 else f"{ms:.2f}ms"


def duration(seconds: float | None) -> str:
    """0.4s, 41s, 2m14s, 6h02m, 3d04h."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{max(seconds, 0):.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02}h"


def clock(wall_ns: int, digits: int = 3) -> str:
    """The time of day here: 14:02:31.402."""
    moment = datetime.fromtimestamp(wall_ns // 1_000_000_000)
    if not digits:
        return f"{moment:%H:%M:%S}"
    fraction = f"{wall_ns % 1_000_000_000:09}"[:digits]
    return f"{moment:%H:%M:%S}.{fraction}"


def bar(fraction: float, width: int) -> str:
    """A bar of at most `width` cells; what is more than nothing shows at least a trace."""
    eighths = round(min(max(fraction, 0), 1) * width * 8)
    if fraction > 0:
        eighths = max(eighths, 1)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (BLOCKS[rest - 1] if rest else "")).ljust(width)


def gauge(fraction: float, width: int) -> str:
    """Exactly `width` cells, of which a part is full: ▓▓▓░░."""
    full = round(min(max(fraction, 0), 1) * width)
    return "▓" * full + "░" * (width - full)


def sparkline(values: Sequence[float], width: int) -> str:
    """The last `width` values, the largest of them as a full block."""
    shown = list(values[-width:]) if width > 0 else []
    most = max(shown, default=0.0)
    if most <= 0:
        return ("▁" * len(shown)).rjust(width)
    return "".join(SPARKS[round(value / most * 7)] for value in shown).rjust(width)


def term_style(term: int) -> str:
    """Neighbouring terms have different colours."""
    return f"term{term % TERM_STYLES}"


def printable(text: str) -> str:
    """What a terminal would obey is shown as a dot: texts come from other processes."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "·" for c in text)
