"""python -m tests.mutants NAME ARGUMENT...: raftctl with a bug in it. Without a name: a list.

The bug is in this process, which simulates, and in the processes of nodes that it starts.
"""

import os
import sys
from pathlib import Path

from raftctl.__main__ import main
from tests.mutants.catalogue import MUTANTS


def run(arguments: list[str]) -> int:
    if not arguments:
        width = max(map(len, MUTANTS))
        for each in MUTANTS.values():
            print(f"{each.name:{width}}  {each.about}")
        return 0
    name, *rest = arguments
    if name not in MUTANTS:
        print(f"there is no mutant {name}; python -m tests.mutants lists them", file=sys.stderr)
        return 2
    MUTANTS[name].plant()
    os.environ["RAFTCTL_MUTANT"] = name
    os.environ["PYTHONPATH"] = str(Path(__file__).parent / "in_nodes")
    sys.argv = ["raftctl", *rest]
    main()


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
