"""Commands are short: Python's collector of cycles need not look at what goes with the process."""

import subprocess
import sys
from pathlib import Path

from tests.raftctl.folders import make

COUNTING = """
import gc, sys
looks = []
gc.callbacks.append(lambda phase, _: looks.append(phase))
from {module} import main
try: main()
finally: print(looks.count("start"), len(gc.get_objects()), gc.isenabled(), file=sys.stderr)
"""


def counted(module: str, *words: str) -> tuple[int, int]:
    """How often the collector looked, and how many objects it would look at now: it is on again."""
    line = [sys.executable, "-c", COUNTING.format(module=module), *words]
    done = subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)
    looks, objects, is_on = done.stderr.splitlines()[-1].split()
    assert is_on == "True"
    return int(looks), int(objects)


def test_short_command_is_never_searched_for_garbage(tmp_path: Path) -> None:
    make(tmp_path)
    looks, left = counted("raftctl.__main__", "--home", str(tmp_path), "status")
    assert looks < 20, "but for what has to be imported before that can be said"
    assert left < 1000, "Python looks at it all once more when it ends"


def test_start_of_a_node_is_not_searched_for_garbage(tmp_path: Path) -> None:
    looks, left = counted("node.server.__main__", "--cluster", str(tmp_path), "--id", "1")
    assert looks < 20
    assert left < 5000, "what its imports made stays, and is not looked at again"
