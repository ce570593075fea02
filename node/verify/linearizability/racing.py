"""All keys of a history, side by side: the first that fails decides.

Nothing here knows the time. A race is driven: it yields after each key that was decided at once,
and after each slice of a search. Whoever drives it may stop at any yield, and hand what is left to
other processes, or give up.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from node.verify.history import CommandId, History, HistoryError
from node.verify.linearizability.keys import KeyCheck, KeyVerdict
from node.verify.linearizability.operations import operations_of, resolved
from node.verify.linearizability.search import BYTES_MAX
from node.verify.models.base import Model, ShapeError

SLICE_STEPS = 10_000


@dataclass
class Race:
    """What is known of the keys: `verdicts` by their codes; `waiting` have still to be searched."""

    history: History
    model: Model
    committed: Mapping[CommandId, int] | None = None
    verdicts: dict[int, KeyVerdict] = field(default_factory=dict)
    waiting: list[int] = field(default_factory=list)
    failed: int | None = None
    """The first that failed."""
    _searching: dict[int, KeyCheck] = field(default_factory=dict)
    _initial: Any = None

    def __post_init__(self) -> None:
        try:
            self._initial = self.model.init(self.history.initial)
        except ShapeError as error:
            raise HistoryError(1, str(error)) from None
        self._by_key = self.history.by_key()

    def check_of(self, code: int) -> KeyCheck:
        """A check of the key with this code, from its beginning."""
        operations = operations_of(self.history, code, self._by_key[code])
        count = 0
        if self.committed is not None:
            operations, count = resolved(operations, self.history, self.committed)
        return KeyCheck(operations, self.model, self._initial, count)

    def at_once(self) -> Iterator[None]:
        """Decide what can be decided without a search."""
        for code, numbers in enumerate(self._by_key):
            if not numbers:
                continue  # whatever was asked of it surely failed
            verdict = self.check_of(code).at_once()
            if verdict is None:
                self.waiting.append(code)
            else:
                self.decide(code, verdict)
            yield

    def search(self) -> Iterator[None]:
        """Search the others in turns, until one fails or all are decided."""
        while self.waiting:
            for code in list(self.waiting):
                if self.failed is not None:
                    return
                self._search_on(code)
                yield

    def _search_on(self, code: int) -> None:
        check = self._searching.get(code) or self.check_of(code)
        self._searching[code] = check
        others = sum(each.bytes for each in self._searching.values()) - check.bytes
        verdict = check.search(SLICE_STEPS, BYTES_MAX - others)
        if verdict is not None:
            self.waiting.remove(code)
            self.decide(code, verdict)

    def decide(self, code: int, verdict: KeyVerdict) -> None:
        """What a stage found out, here or in another process."""
        self._searching.pop(code, None)
        self.verdicts[code] = verdict
        if verdict.verdict == "failed" and self.failed is None:
            self.failed = code

    def pause(self) -> None:
        """Forget how far searches are, and keep what was decided."""
        self._searching.clear()

    def give_up(self, why: str) -> None:
        """Those that wait get no verdict."""
        is_skipped = self.failed is not None
        for code in self.waiting:
            text = "another key had failed" if is_skipped else why
            check = self.check_of(code)
            self.decide(code, check.gave_up(text, "skipped" if is_skipped else "budget"))
        self.waiting = []

    def explain(self) -> None:
        """Find the words for the first key that failed."""
        if self.failed is not None:
            self.check_of(self.failed).explain(self.verdicts[self.failed])
