"""A set that only grows.

| f | value | its ok |
|---|---|---|
| add | one element | |
| read | | value: all elements, in any order; null is an empty set |
"""

from typing import Any

from node.verify.models.base import (
    ILLEGAL,
    UNKNOWN,
    Model,
    State,
    element,
    elements,
    no_result,
    shown,
)


class Set(Model):
    name = "set"
    noun = "set"
    names = ("add", "read")

    def init(self, given: Any) -> State:  # noqa: ANN401
        return frozenset(elements(given))

    def shape(self, f: str, value: Any, result: Any, process: int) -> tuple[Any, Any]:  # noqa: ANN401
        if f == "read":
            return None, result if result is UNKNOWN else elements(result)
        return element(value), no_result(result)

    def step(self, state: State, f: str, value: Any, result: Any) -> State:  # noqa: ANN401
        if f != "read":
            return state if value in state else state | {value}
        if result is UNKNOWN:
            return state
        return state if len(result) == len(state) and state.issuperset(result) else ILLEGAL

    def readonly(self, f: str, result: Any) -> bool:  # noqa: ANN401
        return f == "read"

    def tell(self, f: str, value: Any, result: Any) -> str:  # noqa: ANN401
        return f"read {self.show(result)}" if f == "read" else f"add {shown(value)}"

    def show(self, state: State) -> str:
        return shown(sorted(state, key=lambda each: (type(each) is str, each)))
