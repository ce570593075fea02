"""Running a load, with what is told meanwhile, and how it ended."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from types import FrameType

from node.client.address import ClusterAddress
from node.client.errors import ClientError
from node.client.pipeline import Load, Pipeline, Tally
from raftctl.benchdocs import Bench
from raftctl.benching.requests import Asked
from raftctl.benching.tallies import Tallies
from raftctl.benching.telling import Tell

EndedBy = ClientError | KeyboardInterrupt | SystemExit


def run_load(
    address: ClusterAddress,
    load: Load,
    asked: Asked,
    timeout: float,
    tell: Tell,
    check: Callable[[], None],
) -> tuple[Bench, EndedBy | None]:
    """What came of it, and what ended it before its time: a signal, or a cluster that was lost.

    `timeout`: seconds to go on without a success. `tell` gets each second. `check` is called about
    ten times a second, and may raise.
    """
    pipeline = Pipeline(address, load, timeout)
    tallies = Tallies()
    ended_by: EndedBy | None = None
    with _interrupts() as interrupts, closing(pipeline.run()) as progress:
        try:
            for tally in progress:
                if interrupts:  # it came where the encoder, which is in C, could not hand it on
                    raise KeyboardInterrupt
                check()
                tallies.take(tally)
                _tell_seconds(tallies, tally, tell)
        except (ClientError, KeyboardInterrupt, SystemExit) as error:
            ended_by = error
    tallies.take(pipeline.tally)
    return tallies.document(pipeline.tally, load, asked), ended_by


def _tell_seconds(tallies: Tallies, tally: Tally, tell: Tell) -> None:
    while tell.seconds + 1 <= tally.elapsed:
        tell(tallies.second(tally, tell.seconds + 1), tallies.done)


@contextlib.contextmanager
def _interrupts() -> Iterator[list[int]]:
    """The signals that came. They raise KeyboardInterrupt too, where nobody else sees to them."""
    came: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        came.append(number)
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield came
    finally:
        signal.signal(signal.SIGINT, before)
