"""The widget: a terminal obeys nothing of what it shows."""

import pytest
from textual.events import Resize
from textual.geometry import Size

from tests.tui.pilot import Viewer, view
from tui.drawing.text import Line
from tui.widgets.panel import Panel


def test_what_a_terminal_would_obey_is_shown_as_a_dot() -> None:
    def draw(width: int, height: int) -> list[Line]:
        return [[("a\x1b[2Jb\nc", "bold"), ("\x9b1m", "")]]

    async def test(viewer: Viewer) -> None:
        panel = viewer.page.panel("nodes")
        panel._draw = draw
        panel.repaint()
        assert panel.render_line(0).text.rstrip() == "a·[2Jb·c·1m"
        panel.name_it("n1\x1b[2J", "\x07")
        assert "\x1b" not in str(panel.border_title)
        assert "\x07" not in str(panel.border_subtitle)

    view(test)


@pytest.mark.parametrize("keys", ["", "enter", "l", "a", "e", "M"])
def test_a_page_that_goes_can_be_painted(keys: str) -> None:
    """Under load a paint is due when some of its panels are gone already."""

    async def test(viewer: Viewer) -> None:
        await viewer.press(*keys.split())
        page = viewer.page
        async with page.batch():
            for panel in page.query(Panel):
                await panel.remove()
            page.paint()
            page.post_message(Resize(Size(90, 30), Size(90, 30)))
            await viewer.pilot.pause()
        assert not page.query(Panel)

    view(test)
