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
    INTERRUPTED = 130
    TERMINATED = 143
