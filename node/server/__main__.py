"""One node in the foreground: python -m node.server --cluster FOLDER --id 3"""

import argparse
import gc
import sys
from pathlib import Path


def main() -> int:
    gc.disable()
    from node.server.run import run_node

    gc.freeze()  # all of that stays, and need not be looked at
    gc.enable()
    parser = argparse.ArgumentParser(prog="python -m node.server", description=__doc__)
    parser.add_argument("--cluster", type=Path, required=True, help="the cluster's folder")
    parser.add_argument("--id", type=int, required=True, help="which node of it, as a number")
    lock = "the descriptor of the node's lock, from whoever starts it; none: it takes the lock"
    parser.add_argument("--lock", type=int, help=lock)
    options = parser.parse_args()
    return run_node(options.cluster, options.id, options.lock)


if __name__ == "__main__":
    sys.exit(main())
