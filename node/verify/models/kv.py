"""A text under a key: put, append, delete, get. An absent key is the empty text.

| f | value | its ok |
|---|---|---|
| put | the text | |
| append | what to add at its end | |
| delete | | |
| get | | value: the text; null and "" are the same |
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
    shown,
)


class Kv(Model):
    name = "kv"
    noun = "text"
    names = ("put", "get", "append", "delete")

    def init(self, given: Any) -> State:  # noqa: ANN401
        return _text(given)

    def shape(self, f: str, value: Any, result: Any, process: int) -> tuple[Any, Any]:  # noqa: ANN401
        if f == "get":
            return None, result if result is UNKNOWN else _text(result)
        if f == "delete":
            return None, no_result(result)
        if type(value) is not str:
            raise ShapeError(f"the value is {shown(value)}, not a text")
        return value, no_result(result)

    def step(self, state: State, f: str, value: Any, result: Any) -> State:  # noqa: ANN401
        match f:
            case "get":
                return state if result is UNKNOWN or result == state else ILLEGAL
            case "append":
                return state + value
            case "put":
                return value
            case _:
                return ""

    def readonly(self, f: str, result: Any) -> bool:  # noqa: ANN401
        return f == "get"

    def tell(self, f: str, value: Any, result: Any) -> str:  # noqa: ANN401
        match f:
            case "get":
                return f"get {shown(result)}"
            case "delete":
                return "delete"
            case _:
                return f"{f} {shown(value)}"

    def show(self, state: State) -> str:
        return shown(state)

    def is_tracked(self, names: Iterable[str]) -> bool:
        return "append" not in names

    def writes(self, f: str, value: Any, result: Any) -> Any:  # noqa: ANN401
        return {"put": value, "delete": ""}.get(f, NOTHING)

    def observes(self, f: str, value: Any, result: Any) -> Any:  # noqa: ANN401
        return result if f == "get" and result is not UNKNOWN else NOTHING


def _text(value: Any) -> str:  # noqa: ANN401
    if value is None:
        return ""
    if type(value) is not str:
        raise ShapeError(f"the value is {shown(value)}, not a text or null")
    return value
