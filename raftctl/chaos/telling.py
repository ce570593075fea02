"""How a run says what happens: to people as lines, to machines as documents."""

import threading
from collections import deque
from collections.abc import Sequence

from raftctl.output import Output
from raftctl.progressdocs import (
    ChaosLeader,
    ChaosPhase,
    ChaosPlan,
    ChaosProgress,
    ChaosSecond,
    ChaosStep,
)

SPARKS = "▁▂▃▄▅▆▇█"
SPARKS_ASCII = "__===^^#"
SPARK_SECONDS = 20
"""So many seconds are drawn, of writes and of reads, and the shares beside are theirs."""
SIGN_COLUMNS = 3
"""What stands in front of progress."""


class Documents:
    """A line of JSON for each thing, as it happens."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._lock = threading.Lock()

    def __call__(self, document: ChaosProgress) -> None:
        with self._lock:
            self._output.show(document, list)


class Lines:
    """A line for each thing that was done, and one that says how it goes."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._lock = threading.Lock()
        self._duration_s = 0.0
        self._names: dict[int, str] = {}
        self._shares: dict[str, deque[float]] = {
            kind: deque(maxlen=SPARK_SECONDS) for kind in ("write", "read")
        }

    def __call__(self, document: ChaosProgress) -> None:
        with self._lock:
            match document:
                case ChaosPlan(duration_ms=duration_ms, steps=steps):
                    self._duration_s = duration_ms / 1000
                    self._names = {step.step: step.name for step in steps}
                case ChaosSecond():
                    self._tell_second(document)
                case ChaosStep() | ChaosLeader() | ChaosPhase():
                    self._output.note(f"{document.at_ms / 1000:7.2f}  {self._words(document)}")

    def _words(self, document: ChaosStep | ChaosLeader | ChaosPhase) -> str:
        match document:
            case ChaosLeader(node=node, term=term):
                return f"leader {node} term {term}"
            case ChaosPhase(text=text):
                return text
        what = document.resolved or document.line
        if document.state == "ended":
            return f"end of {what}"
        name = self._names.get(document.step)
        named = f" as {name}" if name else ""
        came_of_it = document.why_not or document.refused
        return f"{what}{named}" + (f": {came_of_it}" if came_of_it else "")

    def _tell_second(self, second: ChaosSecond) -> None:
        self._shares["write"].append(second.write.share)
        self._shares["read"].append(second.read.share)
        how_far = f"{second.at_ms / 1000:.0f} of {self._duration_s:.0f}s"
        rules = f"{len(second.broken)} RULES BROKEN" if second.broken else "rules hold"
        if self._output.on_terminal:
            self._output.progress(self._drawn(second, how_far, rules))
            return
        self._output.progress(
            f"{how_far}  {second.ok:,} ok  {second.fail:,} failed  {second.info:,} unknown  "
            f"{second.terms} terms  {second.committed:,} committed  {rules}"
        )

    def _drawn(self, second: ChaosSecond, how_far: str, rules: str) -> str:
        """As many of the last seconds as there is room for."""
        said = {
            kind: f"{sum(shares) / len(shares):.0%} gap {use.gap_ms:.0f}ms"
            for (kind, shares), use in zip(
                self._shares.items(), (second.write, second.read), strict=True
            )
        }
        bare = "  ".join([how_far, *(f"{kind}s  {words}" for kind, words in said.items()), rules])
        room = (self._output.columns - SIGN_COLUMNS - len(bare)) // 2
        plain = self._output.ascii_only
        uses = (
            f"{kind}s {sparkline(list(self._shares[kind])[-max(room, 4) :], plain)} {words}"
            for kind, words in said.items()
        )
        return "  ".join([how_far, *uses, rules])


def sparkline(shares: Sequence[float], ascii_only: bool) -> str:
    """A sign for each share, which is from 0 to 1."""
    signs = SPARKS_ASCII if ascii_only else SPARKS
    return "".join(signs[round(share * 7)] for share in shares)
