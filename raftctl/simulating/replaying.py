"""One simulated run, and its recording."""

import os
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

from node.scenario.scenario import Scenario
from node.sim.recording import SimRecorder
from node.sim.simulation import Result, Simulation, rules_of
from node.sim.trace import Line
from node.verify.invariants import every
from node.wire.codec import encode
from node.wire.messages import Frame, Recording
from node.wire.recording import checked_frame


def replayed(scenario: Scenario, take: Callable[[Line], None], record: Path | None) -> Result:
    """Run it; `record` is the file that a recording is written to. Raises OptionError, OSError."""
    if record is None:
        return Simulation(scenario, take).run()
    with recording_to(record) as file:
        recorder = SimRecorder(partial(write_frame, file), scenario.name)

        def take_both(line: Line) -> None:
            recorder.take(line)
            take(line)

        invariants = recorder.watching(partial(every, rules=rules_of(scenario)))
        simulation = Simulation(scenario, take_both, invariants)
        recorder.now = lambda: simulation.world.kernel.now
        return simulation.run()


def recording_to(path: Path) -> BinaryIO:
    """Raises OSError."""
    return open(path, "wb", opener=_for_its_owner)


def write_frame(file: BinaryIO, frame: Recording | Frame) -> None:
    """As it stands in a recording. Raises OSError."""
    file.write(checked_frame(encode(frame)))


def _for_its_owner(path: str, flags: int) -> int:
    """As nodes make theirs, one that was there before as well: a recording holds what the cluster
    stored.
    """
    descriptor = os.open(path, flags, 0o600)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fchmod(descriptor, 0o600)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
