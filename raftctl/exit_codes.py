"""Exit codes are an API: scripts and CI jobs branch on them."""

from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    NOT_RUNNING = 3
    TIMED_OUT = 4
    NO_QUORUM = 5
    PRECONDITION = 6
    CHECK_FAILED = 7
    PARTIAL = 8
    NOT_FOUND = 9
    INCONCLUSIVE = 10
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


INTERRUPTS = frozenset({Exit.HUNG_UP, Exit.INTERRUPTED, Exit.TERMINATED})


def exit_of(error: BaseException) -> Exit:
    """The exit code of a command that was interrupted: by Ctrl-C, or by the signal whose number
    stands in a SystemExit.
    """
    code = error.code if isinstance(error, SystemExit) else Exit.INTERRUPTED
    return Exit(code) if isinstance(code, int) and code in INTERRUPTS else Exit.TERMINATED
