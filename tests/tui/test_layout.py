"""How the first page shares out its rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.frames import live_cluster
from tests.tui.pilot import Viewer, view
from tui.drawing.layout import FOOT_ROWS, FRAME_ROWS, grid_rows, layout_of, rows_for_grid


@given(st.integers(0, 12), st.sampled_from([0, 6, 8]), st.integers(60, 200), st.integers(14, 80))
def test_no_row_is_given_twice(nodes: int, film_rows: int, width: int, height: int) -> None:
    layout = layout_of(nodes, film_rows, width, height)
    grid = grid_rows(nodes) if layout.has_grid else 0
    rest = FRAME_ROWS if layout.has_rest else 0
    assert layout.rows + layout.film_rows + grid + rest + FOOT_ROWS <= height
    assert bool(layout.film_rows) == bool(film_rows)


@pytest.mark.parametrize("nodes", range(1, 13))
@pytest.mark.parametrize("width", [60, 104])
def test_from_the_rows_that_are_named_on_the_logs_are_shown(nodes: int, width: int) -> None:
    rows = rows_for_grid(nodes, 0, width)
    assert rows is not None
    assert layout_of(nodes, 0, width, rows).has_grid
    assert not layout_of(nodes, 0, width, rows - 1).has_grid


@pytest.mark.parametrize(("nodes", "rows"), [(6, 33), (9, 36)])
def test_where_the_logs_are_not_shown_it_says_how_they_are(nodes: int, rows: int) -> None:
    words = f"ends of the logs: from {rows} rows on, or l"

    async def without(viewer: Viewer) -> None:
        assert not viewer.page.panel("grid").display
        assert words in viewer.screen_text()

    async def shown(viewer: Viewer) -> None:
        assert viewer.page.panel("grid").display
        assert "ends of the logs" not in viewer.screen_text()

    view(without, live_cluster(nodes), size=(104, rows - 1))
    view(shown, live_cluster(nodes), size=(104, rows))
