"""All tests in two processes: those with real nodes, and beside them the rest.

The first ones mostly wait, so both together take little longer than either alone. Two of them that
start nodes cannot run at once, since they want the same ports. Scenarios of chaos take whatever
ports are free, and come when the rest is through. `python -m tests.side_by_side [ARGUMENT
...]` gives pytest the arguments, and what it prints comes in two pieces, one after the other.
"""

import subprocess
import sys
import tempfile
import threading

BESIDE = ("not e2e and not chaos", "chaos")
"""What runs beside the tests with real nodes, one after the other."""
NOTHING_COLLECTED = 5
"""What pytest ends with when no test fits its arguments."""


def main(arguments: list[str]) -> int:
    """The exit code: 0 when no test failed and at least one ran."""
    command = [sys.executable, "-m", "pytest", *arguments]
    codes: set[int] = set()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:

        def run_beside() -> None:
            for marks in BESIDE:
                done = subprocess.run(
                    [*command, "-m", marks], stdout=printed, stderr=subprocess.STDOUT, check=False
                )
                codes.add(done.returncode)

        beside = threading.Thread(target=run_beside)
        beside.start()
        try:
            codes.add(subprocess.run([*command, "-m", "e2e"], check=False).returncode)
        finally:
            # An interrupt has reached both, and each takes its time to clean up.
            beside.join()
            printed.seek(0)
            print(printed.read(), end="", flush=True)
    if len(codes) > 1:
        codes.discard(NOTHING_COLLECTED)
    return next((code for code in sorted(codes) if code), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
