"""A counter.

| f | value | its ok |
|---|---|---|
| add | by how much, which may be negative | result: the count after it, where that is told |
| read | | value: the count |
"""

from collections.abc import Sequence
from typing import Any

from node.verify.models.base import ILLEGAL, UNKNOWN, Model, State, whole


class Counter(Model):
    name = "counter"
    noun = "count"
    names = ("add", "read")

    def init(self, given: Any) -> State:  # noqa: ANN401
        return 0 if given is None else whole(given)

    def shape(self, f: str, value: Any, result: Any, process: int) -> tuple[Any, Any]:  # noqa: ANN401
        if f == "read":
            return None, result if result is UNKNOWN else whole(result)
        if result is not UNKNOWN and result is not None:
            whole(result)
        return whole(value), result

    def step(self, state: State, f: str, value: Any, result: Any) -> State:  # noqa: ANN401
        if f == "read":
            return state if result is UNKNOWN or result == state else ILLEGAL
        after = state + value
        return after if result in (None, UNKNOWN, after) else ILLEGAL

    def readonly(self, f: str, result: Any) -> bool:  # noqa: ANN401
        return f == "read"

    def totals(self, state: State) -> Sequence[int]:
        return (state,)

    def adds(self, state: State, f: str, value: Any, result: Any) -> tuple[tuple[int, int], ...]:  # noqa: ANN401
        return () if f == "read" else ((0, value),)

    def tell(self, f: str, value: Any, result: Any) -> str:  # noqa: ANN401
        if f == "read":
            return f"read {result}"
        told = "" if result in (None, UNKNOWN) else f", now {result}"
        return f"add {value}{told}"

    def show(self, state: State) -> str:
        return str(state)
