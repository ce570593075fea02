"""The viewer over stand-ins, in a process of its own: what `bench_viewer` measures."""

import gc
import json
import os
import sys
from pathlib import Path

from tests.tui.stand_in import MadeUp, address_of
from tui.app import RaftApp
from tui.nodes import Process
from tui.runner import Subprocesses


def show(ports: dict[int, int], report: Path) -> None:
    """Until it is left; then what it had seen is in `report`."""
    source = MadeUp(address_of(ports))
    source.found = {node_id: Process("running", os.getpid()) for node_id in ports}
    app = RaftApp("demo", Subprocesses(["true"]), source=source)
    gc.freeze()  # as `raftctl tui` does
    app.run()
    lost = sum(view.lost for view in app.model.nodes.values())
    seen = {"lost": lost, "events": len(app.model.timeline), "frames": app.model.frames}
    report.write_text(json.dumps(seen))


if __name__ == "__main__":
    given = {int(node): port for node, port in json.loads(sys.argv[1]).items()}
    show(given, Path(sys.argv[2]))
