"""What a model is: how one object that is used by one client after the other behaves."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from enum import Enum
from sys import getsizeof
from typing import Any


class Mark(Enum):
    ILLEGAL = "illegal"
    UNKNOWN = "unknown"
    NOTHING = "nothing"


ILLEGAL = Mark.ILLEGAL
"""Instead of a state: the answer cannot have been given."""
UNKNOWN = Mark.UNKNOWN
"""Instead of a result: nobody was told."""
NOTHING = Mark.NOTHING
"""Instead of a value: none is written, or seen."""

State = Any
"""Can be hashed and compared; every model has its own."""


class ShapeError(ValueError):
    """A value or a result that the model cannot mean."""


class Model(ABC):
    """One kind of object. `f` is the name of an operation, one of `names`."""

    name: str
    noun: str
    """What its state is called."""
    names: tuple[str, ...]

    @abstractmethod
    def init(self, given: Any) -> State:  # noqa: ANN401 - whatever the header says
        """The state at first; `given` is the header's `initial`, None for none.
        Raises ShapeError.
        """

    @abstractmethod
    def shape(self, f: str, value: Any, result: Any, process: int) -> tuple[Any, Any]:  # noqa: ANN401
        """Value and result as `step` takes them; a result is UNKNOWN or as the history has it.
        Raises ShapeError.
        """

    @abstractmethod
    def step(self, state: State, f: str, value: Any, result: Any) -> State:  # noqa: ANN401
        """The state after it, or ILLEGAL. With the result UNKNOWN it is always legal."""

    @abstractmethod
    def readonly(self, f: str, result: Any) -> bool:  # noqa: ANN401
        """Whether whoever got this result changed nothing."""

    @abstractmethod
    def tell(self, f: str, value: Any, result: Any) -> str:  # noqa: ANN401
        """For people: read 3."""

    @abstractmethod
    def show(self, state: State) -> str:
        """For people: 3."""

    def bytes_of(self, state: State) -> int:
        """About what a state takes that `step` has made, beyond what it shares with others."""
        return getsizeof(state)

    def is_tracked(self, names: Iterable[str]) -> bool:
        """Whether, with these operations alone, a state is a value that some of them write, so that
        `writes` and `observes` say all.
        """
        return False

    def totals(self, state: State) -> Sequence[int] | None:
        """The numbers that a state consists of, where operations add to them; None: it is none."""
        return None

    def adds(self, state: State, f: str, value: Any, result: Any) -> tuple[tuple[int, int], ...]:  # noqa: ANN401
        """To which of the totals of any state it adds, and how much, if it takes effect."""
        return ()

    def writes(self, f: str, value: Any, result: Any) -> Any:  # noqa: ANN401
        """The state that it may leave behind, or NOTHING."""
        return NOTHING

    def observes(self, f: str, value: Any, result: Any) -> Any:  # noqa: ANN401
        """The state that it saw, or NOTHING."""
        return NOTHING


def scalar(value: Any, what: str = "the value") -> Any:  # noqa: ANN401
    """A text, a whole number or nothing; true is no number. Raises ShapeError."""
    if value is not None and type(value) not in (int, str):
        raise ShapeError(f"{what} is {shown(value)}, not a text, a whole number or null")
    return value


def element(value: Any) -> Any:  # noqa: ANN401
    """A text or a whole number. Raises ShapeError."""
    if type(value) not in (int, str):
        raise ShapeError(f"the value is {shown(value)}, not a text or a whole number")
    return value


DIGITS_MAX = 1_000
WHOLE_MAX = 10**DIGITS_MAX - 1


def whole(value: Any, what: str = "the value") -> Any:  # noqa: ANN401
    """A whole number, not so long that sums of such could not be written. Raises ShapeError."""
    if type(value) is not int:
        raise ShapeError(f"{what} is {shown(value)}, not a whole number")
    if abs(value) > WHOLE_MAX:
        raise ShapeError(f"{what} has more than {DIGITS_MAX:,} digits")
    return value


def elements(value: Any) -> tuple[Any, ...]:  # noqa: ANN401
    """Of an array; nothing is an empty one. Raises ShapeError."""
    if value is None:
        return ()
    if type(value) not in (list, tuple):
        raise ShapeError(f"the value is {shown(value)}, not an array")
    if not {*map(type, value)} <= {int, str}:
        for each in value:
            element(each)
    return tuple(value)


def verdict(result: Any) -> Any:  # noqa: ANN401
    """Whether it took effect: true unless the history says otherwise. Raises ShapeError."""
    if result is UNKNOWN or type(result) is bool:
        return result
    if result is None:
        return True
    raise ShapeError(f"the result is {shown(result)}, not true or false")


def no_result(result: Any) -> Any:  # noqa: ANN401
    """For what is only acknowledged; whatever the history adds means nothing."""
    return UNKNOWN if result is UNKNOWN else None


SHOWN_MAX = 60


def shown(value: Any) -> str:  # noqa: ANN401
    """As in a history, and not too long."""
    if value is None:
        return "null"
    text = str(value) if type(value) is str and value.isidentifier() else repr(value)
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 3]}..."
