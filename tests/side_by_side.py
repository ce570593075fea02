"""All tests in three processes: those with real nodes, those of the viewer, and the rest.

The first two mostly wait, so all together take little longer than the longest alone. Two of the
first that start nodes cannot run at once, since they want the same ports. Scenarios of chaos take
whatever ports are free, and come when the rest is through; the simulator's seeds come behind the
viewer. `python -m tests.side_by_side [ARGUMENT ...]` gives pytest the arguments, and what it prints
comes in pieces, one after the other.
"""

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

REAL_NODES = "e2e"
BESIDE = (("not e2e and not chaos and not tui and not seeds", "chaos"), ("tui", "seeds"))
"""What runs beside them: the parts of each in one another's wake."""
NOTHING_COLLECTED = 5
"""What pytest ends with when no test fits its arguments."""


def main(arguments: list[str]) -> int:
    """The exit code: 0 when no test failed and at least one ran."""
    command = [sys.executable, "-m", "pytest", *arguments]

    def run(parts: tuple[str, ...]) -> tuple[set[int], str]:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
            codes = {
                subprocess.run(
                    [*command, "-m", marks], stdout=printed, stderr=subprocess.STDOUT, check=False
                ).returncode
                for marks in parts
            }
            printed.seek(0)
            return codes, printed.read()

    with ThreadPoolExecutor() as pool:
        beside = [pool.submit(run, parts) for parts in BESIDE]
        try:
            codes = {subprocess.run([*command, "-m", REAL_NODES], check=False).returncode}
        finally:
            # An interrupt has reached all of them, and each takes its time to clean up.
            for each in beside:
                print(each.result()[1], end="", flush=True)
    codes = codes.union(*(each.result()[0] for each in beside))
    if len(codes) > 1:
        codes.discard(NOTHING_COLLECTED)
    return next((code for code in sorted(codes) if code), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
