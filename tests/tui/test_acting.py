"""What is done to a cluster from the viewer: when it asks, when not, and how it is taken back."""

from tests.tui.frames import live_cluster
from tests.tui.pilot import Viewer, view
from tests.tui.test_app import with_dead


def test_in_a_held_picture_what_is_done_is_done_to_the_nodes_as_they_are() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("space")
        with_dead(viewer.app.model, 1, 2)
        await viewer.press("3", "K")
        assert (viewer.dialog, viewer.ran) == ("Ask", [])
        await viewer.press("n", "1", "s")
        assert viewer.ran == ["start n1"], "the picture shows it alive, and it is dead"

    view(test, live_cluster())
