"""What the disk can do without any of it: append a value to a file, and flush it."""

import os
import statistics
import tempfile
import time
from pathlib import Path

from tests.benchmark.measures import VALUE_BYTES


def flush_p50_ms(work: Path, seconds: float = 2.0) -> float:
    """The median time of an append with fdatasync."""
    times = []
    with tempfile.TemporaryFile(dir=work) as file:
        end = time.perf_counter() + seconds
        while (before := time.perf_counter()) < end:
            os.write(file.fileno(), b"x" * VALUE_BYTES)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - before)
    return statistics.median(times) * 1000
