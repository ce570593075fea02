"""An app over a made-up cluster, with a clock that stands still and a runner that only notes."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from textual.content import Content
from textual.pilot import Pilot

from node.wire.messages import Frame
from tests.tui.frames import fold, live_cluster
from tui.actions import Verb
from tui.app import RaftApp
from tui.model import ClusterModel
from tui.replay import Film
from tui.runner import Outcome
from tui.screens.page import Page
from tui.widgets.panel import Panel

WIDE = (104, 40)
SMALL = (80, 24)
VERBS = (Verb("status", "How the cluster is."), Verb("log diff", "Compare two logs."))


class RecordingRunner:
    """Notes the command lines, and ends them as it is told to."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, ...]] = []
        """Where data goes to a file, with that at the end."""
        self.outcome = Outcome(0, "done\n", "", 0.1)
        self.fails = ""
        """The verb that fails."""

    async def run(
        self,
        arguments: Sequence[str],
        on_output: Callable[[str], None] | None = None,
        stop: asyncio.Event | None = None,
        into: str = "",
    ) -> Outcome:
        self.ran.append((*arguments, ">", into) if into else tuple(arguments))
        if arguments[0] == self.fails:
            return Outcome(1, "", "error: no\n", 0.1)
        if on_output is not None:
            on_output(self.outcome.printed)
        return self.outcome


class Viewer:
    """What a test has in hand: the app, its runner, and the pilot that presses keys."""

    def __init__(self, app: RaftApp, runner: RecordingRunner, pilot: Pilot[Any]) -> None:
        self.app = app
        self.runner = runner
        self.pilot = pilot

    @property
    def ran(self) -> list[str]:
        """The lines that were run, as typed."""
        return [" ".join(line) for line in self.runner.ran]

    async def press(self, *keys: str) -> None:
        """Press keys, and wait until what they start is through."""
        for key in keys:
            await self.pilot.press(key)
        await self.settle()

    async def settle(self) -> None:
        actions = [worker for worker in self.app.workers if worker.group == "actions"]
        if actions:  # of an empty list it makes all of them
            await self.app.workers.wait_for_complete(actions)
        await self.pilot.pause()
        self.app.paint()
        await self.pilot.pause()

    async def fold(self, frames: Iterable[Frame]) -> None:
        fold(frames, self.app.model)
        await self.settle()

    @property
    def page(self) -> Page:
        for screen in reversed(self.app.screen_stack):
            if isinstance(screen, Page):
                return screen
        raise AssertionError("no page is open")

    def text(self, name: str) -> str:
        """What a panel shows, line by line."""
        panel = self.page.query_one(f"#{name}", Panel)
        height = panel.content_size.height
        return "\n".join(panel.render_line(y).text.rstrip() for y in range(height))

    def screen_text(self) -> str:
        """All that is on the screen."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips) + "\n"

    @property
    def told(self) -> str:
        """The messages that pop up, line by line, as they are seen."""
        notices = self.app._notifications
        seen = (
            Content.from_markup(each.message) if each.markup else each.message for each in notices
        )
        return "\n".join(map(str, seen))

    @property
    def dialog(self) -> str:
        """The name of what lies over the page; empty: nothing does."""
        return "" if isinstance(self.app.screen, Page) else type(self.app.screen).__name__


def view(
    test: Callable[[Viewer], Awaitable[None]],
    model: ClusterModel | None = None,
    *,
    film: Film | None = None,
    size: tuple[int, int] = WIDE,
    chosen: int | None = None,
    has_notices: bool = False,
    **options: Any,
) -> None:
    """Run `test` on an app that shows `model`, a healthy cluster of five by itself.

    `has_notices`: they are on the screen too, not only in `told`.
    """

    async def run() -> None:
        shown = live_cluster() if model is None else model
        runner = RecordingRunner()
        app = RaftApp("demo", runner, film=film, verbs=VERBS, clock=lambda: shown.now_ns, **options)
        app.model = shown
        app.chosen = chosen
        async with app.run_test(size=size, notifications=has_notices) as pilot:
            viewer = Viewer(app, runner, pilot)
            await viewer.settle()
            await test(viewer)

    asyncio.run(run())
