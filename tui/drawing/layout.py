"""How the first page shares out its rows: nodes, a replay's bar, the ends of the logs, the rest."""

from typing import NamedTuple

from tui.drawing.overview import CARD_HEIGHT, cards_in_a_row

CARDS_COLUMNS_MIN = 100
GRID_ROWS_MIN = 26
EVENT_ROWS_MIN = 8
FILM_ROWS_MIN = 4
"""With its frame: who led, and where one is."""
EVENTS_KEPT_ROWS = 7
"""Rows that the events keep whatever else wants room."""
FOOT_ROWS = 3
"""With the head line."""
WELCOME_ROWS = 9
FRAME_ROWS = 2
ROWS_MAX = 200
"""No terminal is thought to be higher."""


class Layout(NamedTuple):
    """`rows` are those of the nodes, as cards or as a table. `has_rest`: links and events have
    room.
    """

    has_cards: bool
    rows: int
    film_rows: int
    has_grid: bool
    has_rest: bool


def layout_of(nodes: int, film_rows: int, width: int, height: int) -> Layout:
    """`film_rows`: what a replay's bar takes if it can, 0: there is none."""
    card_rows = -(-nodes // cards_in_a_row(nodes, width)) * CARD_HEIGHT
    has_cards = (
        nodes > 0
        and width >= CARDS_COLUMNS_MIN
        and card_rows + EVENT_ROWS_MIN + FOOT_ROWS <= height
    )
    rows = card_rows if has_cards else nodes + 1 if nodes else WELCOME_ROWS
    left = height - FOOT_ROWS
    rows = min(rows, left - (FILM_ROWS_MIN if film_rows else 0))
    left -= rows
    film_rows = min(film_rows, max(left, FILM_ROWS_MIN))
    left -= film_rows
    has_grid = nodes > 0 and height >= GRID_ROWS_MIN and left - grid_rows(nodes) >= EVENTS_KEPT_ROWS
    return Layout(has_cards, rows, film_rows, has_grid, left > FRAME_ROWS)


def grid_rows(nodes: int) -> int:
    """What the ends of the logs take."""
    return nodes + 1 + FRAME_ROWS


def rows_for_grid(nodes: int, film_rows: int, width: int) -> int | None:
    """How many rows it takes that the ends of the logs are shown; None: they never are."""
    heights = range(GRID_ROWS_MIN, ROWS_MAX)
    fitting = (h for h in heights if layout_of(nodes, film_rows, width, h).has_grid)
    return next(fitting, None)
