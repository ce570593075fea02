"""What the screens look like, as text: `pytest --rewrite` writes them anew: read the diff."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.pilot import Viewer
from tests.tui.scenes import SCENES, Scene, show

FOLDER = Path(__file__).parent / "screens"


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day as they are in Greenwich."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_screen(scene: Scene, request: pytest.FixtureRequest) -> None:
    taken: list[str] = []

    def take(viewer: Viewer) -> None:
        taken.append(viewer.screen_text())

    show(scene, take)
    path = FOLDER / f"{scene.name}.txt"
    if request.config.getoption("--rewrite"):
        path.write_text(taken[0], encoding="utf-8")
    assert taken[0] == path.read_text(encoding="utf-8"), f"{os.linesep}{taken[0]}"
