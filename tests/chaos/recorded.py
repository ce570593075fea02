"""A run that was recorded on real processes: five nodes, a partition, then a kill of three.

Its verdict is failed, one of its faults proved nothing, and of some operations nobody knows what
came of them, so every part of a report has something to show.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from raftctl.chaos.folders import RunFolder

RECORDED = Path(__file__).parent / "data" / "cut-then-power"


def copied(folder: Path, change: Callable[[dict[str, Any]], None] | None = None) -> RunFolder:
    """A copy that a test may write to; `change` is given its result."""
    shutil.copytree(RECORDED, folder)
    run = RunFolder(folder)
    if change is not None:
        result = run.document()
        change(result)
        run.result.write_text(json.dumps(result), encoding="utf-8")
    return run
