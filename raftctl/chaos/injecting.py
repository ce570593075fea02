"""A step of a scenario on real nodes: whom it means now, the line that does it, whether that did
anything, and the line that ends it.
"""

import random
import shlex
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from node.scenario import actions
from node.scenario.actions import Action, OnNodes, ending, undo
from node.scenario.errors import ScenarioError
from node.scenario.quantities import duration_text
from node.scenario.resolving import concerned, fixed
from node.scenario.scenario import Step
from raftctl.chaos.lines import Ended, Lines
from raftctl.chaos.refusals import refusal
from raftctl.cluster.directory import Cluster
from raftctl.cluster.injection import fault_documents
from raftctl.cluster.observation import observe
from raftctl.selectors import scene_of

RAIL_SECONDS = 30
"""A fault that the nodes hold ends by itself so long after its time, if this process is gone."""
OBSERVE_SECONDS = 0.3
HARM = ("rot", "truncate")
"""What a disk does to data that were whole."""
LINKS = (actions.Partition, actions.Net)
NO_FAULT = "E_NO_FAULT"
ENDS_FAULTS = (
    actions.Heal,
    actions.Partition,
    actions.MembersRemove,
    actions.MembersReplace,
    actions.Wipe,
)
"""Steps after which nodes may not hold a fault any more that they held."""


@dataclass(slots=True)
class Injected:
    """A step, and what came of it so far. Times in nanoseconds since the run began."""

    place: int
    step: Step
    action: Action | None = None
    """With names of nodes; None: it meant nobody."""
    nodes: list[int] = field(default_factory=list)
    number: int | None = None
    """Of a fault that the nodes hold."""
    began_ns: int = 0
    done_ns: int | None = None
    """When its line had been carried out."""
    ended_ns: int | None = None
    why_not: str = ""
    """Why it did nothing, or not what it was to do."""
    refused: str = ""
    """Which nodes would not start on damaged data, as is right."""
    hits: int = 0
    over_before: str = ""
    """What was said when it was to be ended, and was over already."""

    @property
    def is_in_force(self) -> bool:
        return self.action is not None and not self.why_not and self.ended_ns is None


class Injector:
    """Carries steps out, several at a time."""

    def __init__(
        self, lines: Lines, cluster: Cluster, seed: int, began_ns: int, duration_us: int
    ) -> None:
        """`duration_us`: how long the run takes, from `began_ns` on."""
        self._lines = lines
        self._cluster = cluster
        self._seed = seed
        self._began_ns = began_ns
        self._duration_us = duration_us
        self._damaged: set[int] = set()
        """Nodes whose data a step damaged."""

    def begin(self, injected: Injected) -> None:
        """Do it. What keeps it from being done stands in `why_not`."""
        step = injected.step
        try:
            scene = scene_of(observe(self._cluster, OBSERVE_SECONDS))
            rng = random.Random(f"{self._seed} selectors {injected.place}")
            action = fixed(step.action, scene, rng)
            injected.nodes = concerned(action, scene)
            if isinstance(action, OnNodes) and not injected.nodes:
                raise ScenarioError("it means nobody now")
        except ScenarioError as error:
            injected.why_not = str(error)
            injected.began_ns = self._now()
            return
        injected.action = action
        injected.began_ns = asked_at = self._now()
        ended = self._lines.do(self._words(action, step))
        injected.done_ns = self._now()
        injected.began_ns = injected.done_ns if isinstance(action, LINKS) else asked_at
        if ending(action) is None:
            injected.ended_ns = injected.done_ns
        injected.refused = self.refusal(ended)
        if not injected.refused:
            injected.why_not = ended.message or _nothing_done(ended.document)
        if isinstance(action, actions.Disk) and action.kind in HARM and not injected.why_not:
            self._damaged.update(injected.nodes)
        fault = ended.document.get("fault")
        injected.number = fault["id"] if isinstance(fault, dict) else None

    def end(self, injected: Injected) -> None:
        """Undo it, having looked whether it took effect."""
        if not injected.is_in_force or injected.action is None:
            return
        self.look(injected)
        fault = injected.step.name or str(injected.number)
        line = undo(injected.action, injected.nodes, fault)
        assert line is not None, "it lasts"
        ended = self._lines.do(shlex.split(str(line)))
        if isinstance(injected.action, actions.Disk):  # which may have ended it
            self._lines.do(["start", *(f"n{node_id}" for node_id in injected.nodes)])
        injected.ended_ns = self._now()
        is_gone = ended.error.get("code") == NO_FAULT
        injected.over_before = ended.message if is_gone else _nothing_done(ended.document)
        injected.refused = self.refusal(ended)
        if ended.message and injected.number is None and not injected.refused:
            injected.why_not = f"{line}: {ended.message}"

    def refusal(self, ended: Ended) -> str:
        """Which nodes would not start on data that a step damaged; empty: none, or not only so."""
        return refusal(ended, self._damaged, self._cluster.folder)

    def look(self, *in_force: Injected) -> None:
        """How often these took effect; what a node has counted is gone when it starts again."""
        if not any(each.number for each in in_force):
            return
        hits = {each.id: each.hits or 0 for each in fault_documents(self._cluster)}
        for each in in_force:
            if each.number is not None:
                each.hits = max(each.hits, hits.get(each.number, 0))

    def numbers_in_force(self) -> set[int]:
        """Of the faults that the nodes hold."""
        return {each.id for each in fault_documents(self._cluster)}

    def _words(self, action: Action, step: Step) -> list[str]:
        words = shlex.split(str(action))
        if ending(action) == "heal":
            left_us = max(self._duration_us - self._now() // 1000, 1_000_000)
            lasts_us = step.lasts_us or left_us
            words += ["--for", duration_text(lasts_us + RAIL_SECONDS * 1_000_000)]
            words += ["--as", step.name] if step.name else []
        if words[0] in ("wipe", "members"):
            words += ["--timeout", "60s"]
        return words

    def _now(self) -> int:
        return time.monotonic_ns() - self._began_ns


def judge(injected: Injected, steps: Iterable[Injected]) -> None:
    """A fault that is over, and never touched anything, proves nothing; nor does one that something
    ended before its time that was none of `steps`.
    """
    if injected.why_not:
        return
    if injected.over_before and not any(_ends(each, injected) for each in steps):
        injected.why_not = f"it was over before its time: {injected.over_before}"
    elif injected.number is not None and not injected.hits:
        injected.why_not = "it never took effect"


def _ends(other: Injected, injected: Injected) -> bool:
    """Whether that step may have ended this one's fault, while it was to hold."""
    if other is injected or other.action is None:
        return False
    is_later = injected.ended_ns is not None and other.began_ns > injected.ended_ns
    is_earlier = other.ended_ns is not None and other.ended_ns < injected.began_ns
    if is_later or is_earlier:
        return False
    if injected.number is not None:
        return isinstance(other.action, ENDS_FAULTS)
    return not set(injected.nodes).isdisjoint(other.nodes)


def _nothing_done(document: dict[str, Any]) -> str:
    """What nodes said to which nothing was done; empty: something was done to each."""
    targets = document.get("targets") or []
    idle = [each for each in targets if not each.get("changed", True)]
    return "; ".join(f"{each['node']} {each['message']}" for each in idle)
