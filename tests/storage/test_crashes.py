"""A process that dies while it saves leaves the old log or the new one, and what it had saved."""

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from node.raft.messages import LogEntry
from node.raft.ready import HardState, Ready
from node.storage.base import Stored
from node.storage.sqlite import SqliteStorage
from tests.storage.batches import FIRST, batch
from tests.storage.databases import load
from tests.storage.strace import needs_strace

ROOT = Path(__file__).parents[2]
CHILD = """
import os, sys
from pathlib import Path
from node.storage.sqlite import *
from tests.storage.batches import *

def say(step):
    os.write(1, f"{step} {term}\\n".encode())  # one write: no kill cuts a line

def look(statement):
    if statement.startswith("INSERT INTO log VALUES (36,"):
        say("half")
    elif statement == "COMMIT":
        say("last")

storage = SqliteStorage(Path(sys.argv[1]), "demo", 1)
storage._db.set_trace_callback(look)
first = storage.load().hard_state.current_term + 1
for term in range(first, first + int(sys.argv[2])):
    say("start")
    try:
        entries = [LogEntry(term, b"x" * 6000)] * 50
        storage.save(batch(HardState(term, None), 11, 11, entries))
        say("done")
    except StorageError:
        say("failed")
"""
KEPT = [LogEntry(1, b"kept")] * 10


def _at_term(term: int) -> Stored:
    replaced = [LogEntry(term, b"x" * 6000)] * 50 if term > 1 else KEPT
    return Stored(HardState(term, None), KEPT + replaced, FIRST)


@pytest.fixture
def child(path: Path) -> list[str]:
    """The command for a process that replaces entries 11 to 60, two runs, in each save. The first
    save cuts a run in two.
    """
    with closing(SqliteStorage(path, "demo", 1)) as opened:
        opened.save(batch(HardState(1, None), None, 1, KEPT * 2))
    return [sys.executable, "-c", CHILD, str(path)]


def _check_old_or_new(path: Path, steps: list[str]) -> None:
    """`steps`: what the process said before it died."""
    step, term = steps[-1].split() if steps else ("done", "1")
    possible = [int(term)] if step == "done" else [int(term) - 1, int(term)]
    assert load(path) in list(map(_at_term, possible))


@pytest.mark.parametrize("kill_at", ["start", "half", "last", "done"])
def test_b35_crash_during_truncation_leaves_old_or_new_log(
    child: list[str], path: Path, kill_at: str
) -> None:
    for rounds in range(1, 4):
        with subprocess.Popen(
            [*child, "1000"], stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as process:
            assert process.stdout is not None
            steps: list[str] = []
            while sum(step.startswith(kill_at) for step in steps) < rounds:
                steps.append(process.stdout.readline())
                assert steps[-1]
            process.kill()
            steps += process.stdout.readlines()
        assert process.returncode == -signal.SIGKILL
        _check_old_or_new(path, steps)


def _strace(child: list[str], saves: int, trace: Path, *expressions: str) -> list[str]:
    """What the process says under strace, whose output is in `trace`."""
    options = [word for expression in expressions for word in ("-e", expression)]
    command = ["strace", "-f", "-o", str(trace), *options, *child, str(saves)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout.splitlines()


@needs_strace
@pytest.mark.parametrize("number", [2, 30, 61, 100, 275, 400, 825, 1300, 1375, 1640])
def test_b35_killed_at_a_write_leaves_old_or_new_log(
    child: list[str], path: Path, tmp_path: Path, number: int
) -> None:
    inject = f"inject=pwrite64:signal=SIGKILL:when={number}"
    steps = _strace(child, 60, tmp_path / "trace", "trace=pwrite64", inject)
    assert "done 61" not in steps
    _check_old_or_new(path, steps)


@needs_strace
def test_b33_a_real_fsync_error_is_latched(child: list[str], path: Path, tmp_path: Path) -> None:
    inject = "inject=fdatasync:error=EIO:when=4"
    steps = _strace(child, 6, tmp_path / "trace", "trace=fdatasync", inject)
    ends = [step.split()[0] for step in steps if step[0] in "df"]
    assert ends == sorted(ends)  # once it failed, it never works again
    assert set(ends) == {"done", "failed"}
    lost = 2 + ends.index("failed")
    assert load(path) in [_at_term(lost - 1), _at_term(lost)]


@needs_strace
def test_a_save_is_one_fdatasync(child: list[str], tmp_path: Path) -> None:
    counts = []
    for saves in (1, 10):  # the first one also begins the write-ahead log
        trace = tmp_path / f"trace{saves}"
        _strace(child, saves, trace, "trace=fsync,fdatasync")
        counts.append(trace.read_text().count("sync("))
    assert counts[1] - counts[0] == 9


SMALL = """
import os, sys
from pathlib import Path
from node.storage.sqlite import *
from tests.storage.test_crashes import *

storage = SqliteStorage(Path(sys.argv[1]), "demo", 1)
first = 1
for number in range(1, 100_000):
    storage.save(small_batch(number, first))
    first += number % 7 + 1
    os.write(1, b"%d\\n" % number)
"""


def small_batch(number: int, first: int) -> Ready:
    """One of 1 to 7 entries, of a term more at each tenth."""
    term = number // 10 + 1
    entries = [LogEntry(term, b"%d of batch %d" % (each, number)) for each in range(number % 7 + 1)]
    return batch(HardState(term, None), None, first, entries)


def test_b35_crash_after_many_small_batches_keeps_what_was_saved(path: Path) -> None:
    command = [sys.executable, "-c", SMALL, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(300)]
        process.kill()
        said += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    saved = int(said[-1])
    whole = [entry for number in range(1, saved + 2) for entry in small_batch(number, 1).entries]
    kept = len(whole) - len(small_batch(saved + 1, 1).entries)
    assert load(path).log in (whole[:kept], whole)
