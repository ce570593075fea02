"""Processes that share a command's work, forked from it."""

import ctypes
import os
import signal
import sys

from raftctl.exit_codes import Exit

PR_SET_PDEATHSIG = 1
"""Of prctl(2): which signal comes when the parent is gone."""


def begin_worker(parent: int) -> None:
    """It ends with Ctrl-C at once, whatever a run is at, and never outlives its parent."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it went before we asked to be told
        os._exit(Exit.UNEXPECTED)


def default_jobs() -> int:
    """One for each processor that this process may use."""
    return len(os.sched_getaffinity(0))
