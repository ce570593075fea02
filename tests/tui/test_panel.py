"""The widget: a terminal obeys nothing of what it shows."""

from tests.tui.pilot import Viewer, view
from tui.drawing.text import Line


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
