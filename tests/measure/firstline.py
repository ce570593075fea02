"""How soon whoever waits for a command is told something."""

import subprocess
import time

from tests.measure.commands import RAFTCTL, Raftctl, fresh_home

LONG_SECONDS = 0.3
FIRST_SECONDS_MAX = 0.2
COMMANDS = (
    "up -n 3", "bench put --ops 20000", "kill n1 n2", "put k v --timeout 2s",
    "wait leader --timeout 1s", "start all", "restart all", "transfer",
    "members add", "members replace n1", "members remove n4", "snapshot take", "snapshot ls",
    "partition leader --for 3s", "wait healed", "events",
    "stop all", "up", "down --purge -y",
)  # fmt: skip


def firstline() -> int:
    """Seconds to the first line and to the end. 1 when a long command was silent for too long."""
    late = []
    with fresh_home() as raftctl:
        for line in COMMANDS:
            first, whole = _run(raftctl, line.split())
            print(f"{line}: first line after {first:.3f} s, all after {whole:.3f} s")
            if whole > LONG_SECONDS and first > FIRST_SECONDS_MAX:
                late.append(line)
    print(f"silent for more than {FIRST_SECONDS_MAX} s: {', '.join(late) or 'none'}")
    return 1 if late else 0


def _run(raftctl: Raftctl, words: list[str]) -> tuple[float, float]:
    begin = time.monotonic()
    command = [str(RAFTCTL), *words]
    with subprocess.Popen(
        command, env=raftctl.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        first = time.monotonic() - begin
        process.stdout.read()
    return first, time.monotonic() - begin
