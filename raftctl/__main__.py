"""The entry point of `raftctl` and of `python -m raftctl`: what has to hold before the imports."""

import gc
import os
import signal
import sys
from typing import NoReturn

from raftctl.exit_codes import Exit

YOUNG_MAX = 10_000
"""Objects that a command makes before Python's collector of cycles looks at them: most end sooner,
where its own number, 700, has it look dozens of times at what the imports made.
"""


def main() -> NoReturn:
    """Ends the process with the exit code."""
    is_ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_ours:  # and not ignored, as under nohup
        # Ctrl-C during the imports ends the process, and leaves no traceback of ours behind.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    _open_streams()
    gc.disable()
    from raftctl import cli

    gc.freeze()  # all of that stays
    gc.set_threshold(YOUNG_MAX)
    gc.enable()
    try:
        if is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        cli.main()
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    finally:
        gc.freeze()  # what is left goes with the process: to search it for cycles takes 20 ms


def _open_streams() -> None:
    """A stream that was closed (`>&-`) is one that nobody reads.

    The next file to be opened would get its number else, and what a node prints would go there.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(descriptor, "r" if name == "stdin" else "w"))


if __name__ == "__main__":
    main()
