"""Python looks here when it starts: a process that is a node has the bug that is named for it.

Only `python -m tests.mutants` names one in the environment, and this folder in the path.
"""

import os
import sys

if "node.server" in sys.orig_argv:
    from tests.mutants.catalogue import MUTANTS

    MUTANTS[os.environ["RAFTCTL_MUTANT"]].plant()
