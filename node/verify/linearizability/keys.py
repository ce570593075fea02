"""The verdict on one key, stage by stage."""

from dataclasses import dataclass
from typing import Any, Literal

from node.verify.history import Key
from node.verify.linearizability.elements import Survey
from node.verify.linearizability.explaining import Explanation, explained
from node.verify.linearizability.narrowing import narrowed
from node.verify.linearizability.operations import Operations
from node.verify.linearizability.refuters import refute
from node.verify.linearizability.search import Search
from node.verify.linearizability.witness import is_witnessed
from node.verify.linearizability.zones import Violation, Zones
from node.verify.models.append import Append
from node.verify.models.base import Model
from node.verify.models.sets import Set

Verdict = Literal["ok", "failed", "inconclusive"]
Stage = Literal["refuter", "zones", "witness", "search", "budget", "skipped"]


@dataclass
class KeyVerdict:
    """`stage` is who decided: budget, when time or memory did not suffice; skipped, when another
    key had failed. `resolved` outcomes were unknown to the clients and taken from the log.
    """

    key: Key
    verdict: Verdict
    stage: Stage
    operations: int
    resolved: int = 0
    text: str = ""
    explanation: Explanation | None = None
    suspects: tuple[int, ...] = ()
    """Numbers of operations that the text is about."""


class KeyCheck:
    """Decides one key: at once, or by a search in slices."""

    def __init__(
        self,
        operations: Operations,
        model: Model,
        initial: Any,  # noqa: ANN401
        resolved: int = 0,
    ) -> None:
        self.operations = operations
        self._model = model
        self._initial = initial
        self._resolved = resolved
        self._search: Search | None = None

    def at_once(self) -> KeyVerdict | None:
        """The verdict of the stages that take one pass each, if they have one."""
        operations, model = self.operations, self._model
        found = refute(operations, model.name, self._initial)
        if found is not None:
            return self._refuted("refuter", found)
        if is_witnessed(operations, model, self._initial):
            return self._said("ok", "witness")
        if model.is_tracked({*operations.names}):
            zones = Zones(operations, model, self._initial)
            found = zones.violation()
            if found is not None:
                return self._refuted("zones", found)
            if zones.is_exact:
                return self._said("ok", "zones")
        return None

    def search(self, steps: int, bytes_max: int) -> KeyVerdict | None:
        """Search so many steps more; the verdict, if there is one by then. Where more than
        `bytes_max` would have to be remembered, it is that there will be none.
        """
        search = self._begun()
        verdict = search.run(steps, bytes_max)
        if verdict is None and search.bytes > bytes_max:
            return self.gave_up("the search needs more memory than it may take")
        if verdict is None:
            return None
        if verdict:
            return self._said("ok", "search")
        self._search = None
        return self._refuted("search", None)

    @property
    def bytes(self) -> int:
        """About what the search remembers."""
        return 0 if self._search is None else self._search.bytes

    def gave_up(self, why: str, stage: Stage = "budget") -> KeyVerdict:
        """There will be no verdict."""
        self._search = None
        return self._verdict("inconclusive", stage, why)

    def explain(self, verdict: KeyVerdict) -> None:
        """Put the shortest illegal prefix into a verdict that failed, if it can be found."""
        operations = self.operations
        suspects = [operations.numbers.index(number) for number in verdict.suspects]
        near = max(suspects, key=operations.returns.__getitem__, default=None)
        found = explained(operations, self._model, self._initial, near)
        verdict.explanation = found
        if found is not None:
            verdict.text = found.why or found.text

    def _begun(self) -> Search:
        if self._search is None:
            self._search = Search(*narrowed(self.operations, self._model, self._initial))
        return self._search

    def _refuted(self, stage: Stage, found: Violation | None) -> KeyVerdict:
        operations = self.operations
        verdict = self._said("failed", stage)
        if found is not None:
            verdict.text = found.text
            verdict.suspects = tuple(operations.numbers[place] for place in found.places)
        else:
            verdict.text = "no order of its operations explains what they answered"
        return verdict

    def _said(self, verdict: Verdict, stage: Stage) -> KeyVerdict:
        text = ""
        if isinstance(self._model, Set | Append):
            is_list = isinstance(self._model, Append)
            text = Survey(self.operations, self._initial, is_list).elements().text
        return self._verdict(verdict, stage, text)

    def _verdict(self, verdict: Verdict, stage: Stage, text: str) -> KeyVerdict:
        return KeyVerdict(
            self.operations.key, verdict, stage, len(self.operations), self._resolved, text
        )
