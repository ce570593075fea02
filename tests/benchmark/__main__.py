"""See the package: python -m tests.benchmark side, and the other names there."""

import argparse
import sys
import time

from tests.benchmark.failover import failover
from tests.benchmark.growth import growth
from tests.benchmark.page import rewrite
from tests.benchmark.side import side

ROUNDS = 3
STEP_SECONDS = 4.0
FAILOVERS = 20
LOG_SECONDS = 420.0
"""For so long the log may grow: five million entries take it."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__)
    parser.add_argument("what", choices=("side", "failover", "growth", "all", "page"))
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of side")
    parser.add_argument("--seconds", type=float, default=STEP_SECONDS, help="of each step")
    parser.add_argument("--failovers", type=int, default=FAILOVERS)
    parser.add_argument("--log-seconds", type=float, default=LOG_SECONDS, help="of growth")
    options = parser.parse_args()
    began = time.monotonic()
    if options.what in ("side", "all"):
        side(options.rounds, options.seconds)
    if options.what in ("failover", "all"):
        failover(options.failovers)
    if options.what in ("growth", "all"):
        growth(options.seconds, options.log_seconds)
    if options.what == "page":
        rewrite()
        return 0
    print(f"took {(time.monotonic() - began) / 60:.1f} minutes; build/bench has the figures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
