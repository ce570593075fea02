"""A list that only grows at its end.

| f | value | its ok |
|---|---|---|
| append | one element | |
| read | | value: the whole list; null is an empty one |
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


class Append(Model):
    name = "append"
    noun = "list"
    names = ("append", "read")

    def init(self, given: Any) -> State:  # noqa: ANN401
        return elements(given)

    def shape(self, f: str, value: Any, result: Any, process: int) -> tuple[Any, Any]:  # noqa: ANN401
        if f == "read":
            return None, result if result is UNKNOWN else elements(result)
        return element(value), no_result(result)

    def step(self, state: State, f: str, value: Any, result: Any) -> State:  # noqa: ANN401
        if f == "read":
            return state if result is UNKNOWN or result == state else ILLEGAL
        return (*state, value)

    def readonly(self, f: str, result: Any) -> bool:  # noqa: ANN401
        return f == "read"

    def tell(self, f: str, value: Any, result: Any) -> str:  # noqa: ANN401
        return f"read {self.show(result)}" if f == "read" else f"append {shown(value)}"

    def show(self, state: State) -> str:
        return shown(list(state))
