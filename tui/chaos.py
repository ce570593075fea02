"""A chaos run as it is watched: what its documents say, folded into what there is to show. Pure.

The run is a command of its own, which prints a document a line. Those of kinds that are not known
here are left alone.
"""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

INTERRUPTED = (130, 143)
"""The exit codes of a run that was asked to end, and has tidied up."""
SECONDS_MAX = 600
"""So many of the last seconds are kept."""


class Preset(NamedTuple):
    """A scenario that ships."""

    name: str
    about: str
    nodes: int
    seconds: float


StepState = Literal["waiting", "running", "done", "void"]


@dataclass(slots=True)
class StepView:
    """A step of the plan, and what became of it. `void`: it proves nothing, `why_not` says why."""

    line: str
    name: str
    when: str
    lasts_ms: float | None
    state: StepState = "waiting"
    began_ms: float = 0.0
    ended_ms: float | None = None
    why_not: str = ""
    hits: int | None = None
    """How often it took effect; None: nobody counts that."""


@dataclass(slots=True)
class Use:
    """Whether the cluster could be used: by seconds, from 0 to 1, and the longest time it could
    not.
    """

    shares: deque[float] = field(default_factory=lambda: deque(maxlen=SECONDS_MAX))
    gap_ms: float | None = None
    seconds: int = 0
    total: float = 0.0

    def take(self, second: Mapping[str, Any]) -> None:
        self.shares.append(second["share"])
        self.gap_ms = second["gap_ms"]
        self.seconds += 1
        self.total += second["share"]

    @property
    def share(self) -> float | None:
        """Of all seconds until now; None: there was none yet."""
        return self.total / self.seconds if self.seconds else None


class Check(NamedTuple):
    """What the run was to prove, once that is known: ok, failed, inconclusive."""

    name: str
    verdict: str
    text: str


class ChaosView:
    """One run, from the moment when its command begins."""

    def __init__(self, what: str) -> None:
        """`what`: the scenario, as the command line has it."""
        self.name = what
        self.seed: int | None = None
        self.duration_ms = 0.0
        self.load = ""
        self.report = ""
        self.steps: list[StepView] = []
        self.rules: list[str] = []
        self.at_end: list[str] = []
        self.broken: dict[str, str] = {}
        """What broke them, by rule."""
        self.write, self.read = Use(), Use()
        self.counts: dict[str, int] = {}
        """ok, fail, info: operations of clients; terms: those that had a leader; committed."""
        self.phase = "starting"
        self.checks: list[Check] = []
        self.verdict = ""
        """ok, failed or inconclusive; empty: not known yet, or never."""
        self.why = ""
        """Of the verdict; of a run that has none: what kept it from one."""
        self.is_over = False
        self._began_ns: int | None = None
        self._ended_ns: int | None = None
        self._rest = ""

    # -- what comes --------------------------------------------------------------------------------
    def feed(self, printed: str, now_ns: int) -> None:
        """What the command printed, cut anywhere; `now_ns`: when, on any clock that runs on."""
        *lines, self._rest = (self._rest + printed).split("\n")
        for line in lines:
            try:
                document = json.loads(line)
            except ValueError:
                self.why = line.strip() or self.why
                continue
            if isinstance(document, dict):
                self.take(document, now_ns)

    def take(self, document: Mapping[str, Any], now_ns: int) -> None:
        """One document."""
        if "at_ms" in document:
            # What is told at once says best when the run began.
            began_ns = now_ns - round(document["at_ms"] * 1e6)
            self._began_ns = min(began_ns, self._began_ns or began_ns)
        match document.get("schema"):
            case "raftctl.chaos-plan/v1":
                self._plan(document, now_ns)
            case "raftctl.chaos-step/v1":
                self._step(document)
            case "raftctl.chaos-second/v1":
                self._second(document)
            case "raftctl.chaos-phase/v1":
                self.phase = document["text"]
            case "raftctl.chaos-run/v1":
                self.verdict, self.why = document["verdict"], document["text"]
                self.checks = [
                    Check(each["name"], each["verdict"], each["text"])
                    for each in document["checks"]
                ]
            case "raftctl.error/v1" if not self.verdict:
                hint = document.get("hint")
                self.why = document["message"] + (f": {hint}" if hint else "")

    def end(self, code: int, now_ns: int) -> None:
        """The command is over, with this exit code."""
        self.is_over, self._ended_ns = True, now_ns
        for step in self.steps:
            if step.state == "running":
                step.state = "done"
        if not self.verdict:
            self.phase = "ended before its time" if self.steps else "did not begin"
            healed = "what it did is healed" if code in INTERRUPTED else f"exit {code}"
            self.why = self.why or healed

    def _plan(self, document: Mapping[str, Any], now_ns: int) -> None:
        self.name, self.seed = document["name"], document["seed"]
        self.duration_ms, self.load = document["duration_ms"], document["load"]
        self.report = document["report"]
        self.steps = [
            StepView(each["line"], each["name"], each["when"], each["lasts_ms"])
            for each in document["steps"]
        ]
        self.rules, self.at_end = document["rules"], document["at_end"]
        self._began_ns, self.phase = now_ns, "running"

    def _step(self, document: Mapping[str, Any]) -> None:
        step = self.steps[document["step"] - 1]
        step.line = document["resolved"] or step.line
        step.why_not = document["why_not"]
        if document["state"] == "begun":
            step.began_ms = document["at_ms"]
        if document["state"] == "ended":
            step.ended_ms = document["at_ms"]
        if step.why_not:
            step.state = "void"
        elif document["state"] == "begun" and document["lasts"]:
            step.state = "running"
        else:
            step.state = "done"

    def _second(self, document: Mapping[str, Any]) -> None:
        self.write.take(document["write"])
        self.read.take(document["read"])
        names = ("ok", "fail", "info", "terms", "committed")
        self.counts = {name: document[name] for name in names}
        self.broken = {each["rule"]: each["text"] for each in document["broken"]}
        for each in document["hits"]:
            self.steps[each["step"] - 1].hits = each["hits"]

    # -- what is asked -----------------------------------------------------------------------------
    @property
    def begun(self) -> int:
        """So many steps were carried out, or could not be."""
        return sum(step.state != "waiting" for step in self.steps)

    def elapsed_ms(self, now_ns: int) -> float:
        """How long it has run, at most as long as the scenario takes."""
        if self._began_ns is None:
            return 0.0
        until_ns = now_ns if self._ended_ns is None else self._ended_ns
        return min(max((until_ns - self._began_ns) / 1e6, 0), self.duration_ms)

    def left_ms(self, step: StepView, now_ns: int) -> float:
        """How long a step that runs will hold; one without a time of its own until the end."""
        end_ms = self.duration_ms if step.lasts_ms is None else step.began_ms + step.lasts_ms
        return max(end_ms - self.elapsed_ms(now_ns), 0)
