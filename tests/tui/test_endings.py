"""A signal ends the viewer, in the middle of whatever it does, and nothing is raised there."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.tui.pilot import Viewer, view


def raises(number: int, frame: object) -> None:
    raise AssertionError("in the middle of something")


@pytest.fixture(params=[signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def taken(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """A signal that the command takes."""
    number: signal.Signals = request.param
    before = signal.signal(number, raises)
    yield number
    signal.signal(number, before)


def test_a_signal_that_the_command_takes_ends_it_with_its_code(taken: signal.Signals) -> None:
    async def test(viewer: Viewer) -> None:
        os.kill(os.getpid(), taken)
        await viewer.pilot.pause()
        assert viewer.app.return_code == 128 + taken

    view(test)


def test_a_signal_that_is_ignored_ends_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)

    async def test(viewer: Viewer) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        await viewer.press("question_mark")
        assert viewer.dialog == "Help"

    try:
        view(test)
    finally:
        signal.signal(signal.SIGHUP, before)
