"""A lock that one holds at a time.

| f | value | its ok |
|---|---|---|
| acquire | who; null is the process | result: false when somebody held it |
| release | who; null is the process | result: false when it was not theirs |
"""

from typing import Any

from node.verify.models.base import (
    ILLEGAL,
    UNKNOWN,
    Model,
    State,
    scalar,
    shown,
    verdict,
)


class Lock(Model):
    """Its state is who holds it, None for nobody."""

    name = "lock"
    noun = "holder"
    names = ("acquire", "release")

    def init(self, given: Any) -> State:  # noqa: ANN401
        return scalar(given, "initial")

    def shape(self, f: str, value: Any, result: Any, process: int) -> tuple[Any, Any]:  # noqa: ANN401
        return process if value is None else scalar(value), verdict(result)

    def step(self, state: State, f: str, value: Any, result: Any) -> State:  # noqa: ANN401
        if f == "acquire":
            is_possible, after = state is None, value
        else:
            is_possible, after = state == value, None
        if result is UNKNOWN:
            return after if is_possible else state
        if is_possible is not result:
            return ILLEGAL
        return after if result else state

    def readonly(self, f: str, result: Any) -> bool:  # noqa: ANN401
        return result is False

    def tell(self, f: str, value: Any, result: Any) -> str:  # noqa: ANN401
        outcome = {True: "", False: ", refused"}.get(result, ", outcome unknown")
        return f"{f} by {shown(value)}{outcome}"

    def show(self, state: State) -> str:
        return "nobody" if state is None else shown(state)
