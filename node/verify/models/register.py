"""A register: write, read. With cas: write only over the value that is expected.

| f | value | its ok |
|---|---|---|
| write | what to write | |
| read | | value: what it held, null for nothing |
| cas | [expected, new] | result: false when it held another value |
"""

from collections.abc import Iterable
from typing import Any

from node.verify.models.base import (
    ILLEGAL,
    NOTHING,
    UNKNOWN,
    Model,
    ShapeError,
    State,
    no_result,
    scalar,
    shown,
    verdict,
)


class Register(Model):
    """Reads and writes alone."""

    name = "register"
    noun = "value"
    names: tuple[str, ...] = ("read", "write")

    def init(self, given: Any) -> State:  # noqa: ANN401
        return scalar(given, "initial")

    def shape(self, f: str, value: Any, result: Any, process: int) -> tuple[Any, Any]:  # noqa: ANN401
        if f == "read":
            return None, result if result is UNKNOWN else scalar(result)
        return scalar(value), no_result(result)

    def step(self, state: State, f: str, value: Any, result: Any) -> State:  # noqa: ANN401
        if f == "read":
            return state if result is UNKNOWN or result == state else ILLEGAL
        return value

    def readonly(self, f: str, result: Any) -> bool:  # noqa: ANN401
        return f == "read"

    def tell(self, f: str, value: Any, result: Any) -> str:  # noqa: ANN401
        return f"read {shown(result)}" if f == "read" else f"write {shown(value)}"

    def show(self, state: State) -> str:
        return shown(state)

    def is_tracked(self, names: Iterable[str]) -> bool:
        return True

    def writes(self, f: str, value: Any, result: Any) -> Any:  # noqa: ANN401
        return NOTHING if f == "read" else value

    def observes(self, f: str, value: Any, result: Any) -> Any:  # noqa: ANN401
        return result if f == "read" and result is not UNKNOWN else NOTHING


class Cas(Register):
    """A register that compares before it sets."""

    name = "cas"
    names = ("read", "write", "cas")

    def shape(self, f: str, value: Any, result: Any, process: int) -> tuple[Any, Any]:  # noqa: ANN401
        if f != "cas":
            return super().shape(f, value, result, process)
        if type(value) not in (list, tuple) or len(value) != 2:
            raise ShapeError(f"the value of a cas is {shown(value)}, not [expected, new]")
        expected, new = value
        return (scalar(expected), scalar(new)), verdict(result)

    def step(self, state: State, f: str, value: Any, result: Any) -> State:  # noqa: ANN401
        if f != "cas":
            return super().step(state, f, value, result)
        expected, new = value
        if result is UNKNOWN:
            return new if state == expected else state
        if (state == expected) is not result:
            return ILLEGAL
        return new if result else state

    def readonly(self, f: str, result: Any) -> bool:  # noqa: ANN401
        return f == "read" or (f == "cas" and result is False)

    def tell(self, f: str, value: Any, result: Any) -> str:  # noqa: ANN401
        if f != "cas":
            return super().tell(f, value, result)
        outcome = {True: "", False: ", refused"}.get(result, ", outcome unknown")
        return f"cas {shown(value[0])} to {shown(value[1])}{outcome}"

    def writes(self, f: str, value: Any, result: Any) -> Any:  # noqa: ANN401
        if f != "cas":
            return super().writes(f, value, result)
        return NOTHING if result is False else value[1]

    def observes(self, f: str, value: Any, result: Any) -> Any:  # noqa: ANN401
        if f != "cas":
            return super().observes(f, value, result)
        return value[0] if result is True else NOTHING
