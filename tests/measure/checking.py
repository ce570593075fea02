"""How long `raftctl check` takes, and how much memory, for histories of several sizes."""

import json
import random
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.measure.commands import RAFTCTL

MIB = 1024 * 1024
RESIDENT_MIB_MAX = 500
UNKNOWN = 0.005
"""Of the writes."""


class Size(NamedTuple):
    """`seconds_max` is what it may take, from file to verdict."""

    operations: int
    clients: int
    keys: int
    has_indices: bool
    seconds_max: float


SIZES = (
    Size(5_000, 8, 20, False, 1.0),
    Size(200_000, 50, 100, False, 10.0),
    Size(200_000, 50, 1, False, 10.0),
    Size(1_000_000, 50, 200, True, 30.0),
    Size(1_000_000, 50, 1, True, 30.0),
)


def checker() -> int:
    """1 when one of them takes too long, or too much, or has no verdict."""
    code = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        for size in SIZES:
            with path.open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(each) + "\n" for each in events(size))
            seconds, resident_mib, verdict = checked(path)
            is_fine = (
                verdict["verdict"] == "ok"
                and seconds <= size.seconds_max
                and resident_mib <= RESIDENT_MIB_MAX
            )
            code |= not is_fine
            stages = ", ".join(sorted({each["stage"] for each in verdict["keys"]}))
            print(
                f"{size.operations:9,} operations, {size.clients} clients, {size.keys:3} keys, "
                f"by {stages}: {verdict['verdict']} after {seconds:.2f} s (at most "
                f"{size.seconds_max:g} s), {resident_mib:.0f} MiB",
                flush=True,
            )
    return code


def checked(path: Path) -> tuple[float, float, dict[str, Any]]:
    """Seconds with the start of Python, the most memory of any such command so far, the answer."""
    began = time.monotonic()
    command = [str(RAFTCTL), "check", str(path), "--jobs", "2", "-q", "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.monotonic() - began
    resident = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return seconds, resident / MIB, json.loads(done.stdout)


def events(size: Size) -> Iterator[dict[str, Any]]:
    """What clients of a compare-and-set register see, each of which waits for its answer."""
    rng = random.Random(7)
    values: list[int | None] = [None] * size.keys
    free = list(range(size.clients))
    running: list[dict[str, Any]] = []
    now = started = index = 0
    while started < size.operations or running:
        now += rng.randrange(2_000)
        if started < size.operations and free and rng.random() < 0.6:
            started += 1
            key = rng.randrange(size.keys)
            process = free.pop(rng.randrange(len(free)))
            event: dict[str, Any] = {
                "process": process,
                "f": rng.choice(("read", "write", "cas")),
                "key": key,
            }
            if event["f"] == "write":
                event["value"] = started
            elif event["f"] == "cas":
                event["value"] = [values[key], started]
            running.append(event)
            yield {**event, "type": "invoke", "time": now}
            continue
        if not running:
            continue
        ending = running.pop(rng.randrange(len(running)))
        free.append(ending["process"])
        index += 1
        answer = _take_effect(ending, values)
        is_unknown = ending["f"] != "read" and not size.has_indices and rng.random() < UNKNOWN
        kind = {"type": "info"} if is_unknown else {"type": "ok", **answer}
        served = {"index": index} if size.has_indices else {}
        yield {**ending, **kind, **served, "time": now}


def _take_effect(event: dict[str, Any], values: list[int | None]) -> dict[str, Any]:
    key, value = event["key"], event.get("value")
    if event["f"] == "read":
        return {"value": values[key]}
    if event["f"] == "write":
        values[key] = value
        return {}
    assert isinstance(value, list)
    is_set = values[key] == value[0]
    if is_set:
        values[key] = value[1]
    return {"result": is_set}
