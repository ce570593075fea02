"""Python looks here when it starts: a process that is a node has the bug that the environment names.

Only `python -m tests.mutants` sets that, and the path to this folder.
"""

import os
import sys

if "node.server" in sys.orig_argv:
    from tests.mutants.catalogue import MUTANTS

    MUTANTS[os.environ["RAFTCTL_MUTANT"]].plant()
