"""The pictures of the documentation: python -m tests.tui.screenshots FOLDER writes them anew."""

import os
import re
import sys
import time
from pathlib import Path

from tests.tui.pilot import Viewer
from tests.tui.scenes import SCENES, Scene, show

FONTS = re.compile(r"@font-face \{[^}]*\}\s*")
"""Textual's pictures ask a server for their font; ours take what the reader has."""


def photograph(scene: Scene, folder: Path) -> None:
    """One SVG file."""

    def take(viewer: Viewer) -> None:
        path = folder / f"tui-{scene.name}.svg"
        drawn = FONTS.sub("", viewer.app.export_screenshot(title="raftctl tui"))
        path.write_text(drawn, encoding="utf-8")
        print(path)

    show(scene, take)


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    time.tzset()
    for each in SCENES:
        photograph(each, Path(sys.argv[1]))
