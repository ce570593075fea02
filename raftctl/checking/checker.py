"""Check a history within a budget: first here, then what is hard in processes side by side."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context

from node.verify.history import NEVER, CommandId, History
from node.verify.linearizability.keys import KeyVerdict, Verdict
from node.verify.linearizability.racing import SLICE_STEPS, Race
from node.verify.linearizability.search import BYTES_MAX
from node.verify.models import model_for, take_shape
from raftctl.checking.checked import Checked
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.workers import begin_worker

ALONE_SECONDS = 1.0
"""So long this process searches by itself before it asks others to help."""

Progress = Callable[[int, int], None]
"""How many keys are decided, and of how many."""


def check_operations(
    history: History,
    model: str | None = None,
    seconds: float = 60.0,
    jobs: int = 1,
    committed: Mapping[CommandId, int] | None = None,
    progress: Progress | None = None,
) -> Checked:
    """Whether a history is linearizable, as far as `seconds` tell.

    `model` is its name; None for that which the history names or shows. `committed` has the log
    index of every command that took effect, by (client, sequence): what of a history's unknown
    outcomes is not in it did not. It has to be complete; None leaves them unknown.

    A history is given the shape of its model in place. Raises HistoryError when it does not fit.
    """
    began = time.monotonic()
    chosen = model_for(history, model)
    take_shape(history, chosen)
    race = Race(history, chosen, committed)
    deadline = began + seconds
    count = len(history.keys)
    is_over = _drive(race, race.at_once(), deadline, count, progress)
    alone = deadline if jobs == 1 or len(race.waiting) < 2 else time.monotonic() + ALONE_SECONDS
    if is_over:
        is_over = _drive(race, race.search(), min(alone, deadline), count, progress)
    if not is_over and jobs > 1 and len(race.waiting) > 1 and time.monotonic() < deadline:
        _share(race, jobs, deadline, count, progress)
    race.give_up(f"not decided in {seconds:g}s")
    race.explain()
    return _summed_up(race, time.monotonic() - began)


def _drive(
    race: Race, steps: Iterable[None], until: float, count: int, progress: Progress | None
) -> bool:
    """Whether all steps were taken before the time was over."""
    for _ in steps:
        if progress is not None:
            progress(len(race.verdicts), count)
        if time.monotonic() > until:
            return False
    return True


_forked: Race
"""In a worker: what the parent was at when it forked."""


def _share(race: Race, jobs: int, deadline: float, count: int, progress: Progress | None) -> None:
    global _forked
    _forked = race
    race.pause()
    pool = ProcessPoolExecutor(jobs, get_context("fork"), begin_worker, (os.getpid(),))
    try:
        running = {
            pool.submit(_search, code, deadline, BYTES_MAX // jobs): code for code in race.waiting
        }
        while running and race.failed is None:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for each in done:
                code = running.pop(each)
                race.waiting.remove(code)
                race.decide(code, each.result())
            if progress is not None:
                progress(len(race.verdicts), count)
    except BrokenProcessPool as error:
        message = "a process that checked was killed, and with it the keys that it had"
        hint = "is there enough memory? --jobs 1 has one process"
        raise CliError("E_WORKER_LOST", message, Exit.UNEXPECTED, hint=hint) from error
    finally:
        for worker in active_children():
            worker.terminate()
        pool.shutdown(cancel_futures=True)


def _search(code: int, deadline: float, bytes_max: int) -> KeyVerdict:
    check = _forked.check_of(code)
    while time.monotonic() < deadline:
        verdict = check.search(SLICE_STEPS, bytes_max)
        if verdict is not None:
            return verdict
    return check.gave_up("not decided in time")


def _summed_up(race: Race, wall_s: float) -> Checked:
    history = race.history
    keys = [race.verdicts[code] for code in sorted(race.verdicts)]
    failed = None if race.failed is None else race.verdicts[race.failed]
    unknown = history.completed.count(NEVER)
    verdict: Verdict = "ok"
    undecided = [each for each in keys if each.verdict == "inconclusive"]
    text = "linearizable"
    if failed is not None:
        found = failed.explanation
        verdict, text = "failed", failed.text if found is None else found.text
    elif len(history) == unknown:
        verdict = "inconclusive"
        text = "nothing was answered" if unknown else "there are no operations"
    elif undecided:
        verdict = "inconclusive"
        text = f"{len(undecided)} of {len(keys)} keys: {undecided[0].text}"
    return Checked(
        verdict, race.model.name, len(history), unknown, keys, failed, text, round(wall_s, 3)
    )
