"""All members at once, each a process of its own, in the foreground of one terminal."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence

STOP_SECONDS_MAX = 5.0


def run_all(members: int, options: Sequence[str], say: Callable[[str], None]) -> int:
    """Run until the last member has ended, or KeyboardInterrupt ends them. Gives the exit code."""
    processes: dict[int, subprocess.Popen[bytes]] = {}
    commands = [
        [sys.executable, "-m", "examples.kv_store", "--id", str(member_id), *options]
        for member_id in range(members)
    ]
    try:
        for member_id, command in enumerate(commands):
            processes[member_id] = subprocess.Popen(command)
        while processes:
            member_id, code = _wait_for_one(processes)
            del processes[member_id]
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            again = " ".join(["python3", *commands[member_id][1:]])
            say(f"member {member_id} has ended ({how}); to start it again: {again}")
    finally:
        _stop(processes.values())
    return 1


def _wait_for_one(processes: dict[int, subprocess.Popen[bytes]]) -> tuple[int, int]:
    """The member that has ended, and its exit code; below 0 it is the signal that killed it."""
    pid, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    for member_id, process in processes.items():
        if process.pid == pid:
            process.returncode = code
            return member_id, code
    raise AssertionError(f"{pid} is no child of this process")


def _stop(processes: Collection[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
