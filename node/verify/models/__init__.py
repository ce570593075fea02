"""The objects that a history can be about, by name. A second opinion: nothing of node.machines."""

from collections.abc import Callable, Iterable

from node.verify.history import NEVER, History, HistoryError
from node.verify.models.append import Append
from node.verify.models.bank import Bank
from node.verify.models.base import UNKNOWN, Model, ShapeError
from node.verify.models.counter import Counter
from node.verify.models.kv import Kv
from node.verify.models.lock import Lock
from node.verify.models.register import Cas, Register
from node.verify.models.sets import Set

MODELS: dict[str, Model] = {
    model.name: model
    for model in (Register(), Cas(), Kv(), Counter(), Append(), Set(), Lock(), Bank())
}


def model_for(history: History, name: str | None) -> Model:
    """That of this name, else that which the header names, else the only one whose operations
    these are. Raises HistoryError.
    """
    chosen = name or history.model
    if chosen is not None and chosen not in MODELS:
        raise HistoryError(0, f"there is no model {chosen!r}; there are {', '.join(MODELS)}")
    return MODELS[chosen or _guess(history)]


def _guess(history: History) -> str:
    """`register` before `cas`; what sets and counters share is told apart by what reads saw."""
    fitting = [name for name, model in MODELS.items() if {*history.names} <= {*model.names}]
    if not history.names or fitting[:1] == ["register"]:
        return "register"
    if fitting == ["counter", "set"]:
        are_lists = any(type(result) in (list, tuple) for result in history.results)
        return "set" if are_lists else "counter"
    if len(fitting) != 1:
        raise HistoryError(0, f"which model has {_listed(history.names)}? {', '.join(MODELS)}")
    return fitting[0]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def take_shape(history: History, model: Model) -> None:
    """Values and results as the model takes them. Raises HistoryError for the first that it cannot
    mean. Once done, that model is the one to check it with.
    """
    if history.shaped_for is not None:
        assert history.shaped_for == model.name, "a history is read for one model"
        return
    history.shaped_for = model.name
    names, values, results, shape = history.names, history.values, history.results, model.shape
    strange = {code for code, name in enumerate(names) if name not in model.names}
    ends = history.completed
    for operation, code in enumerate(history.name_codes):
        if code in strange:
            raise HistoryError(
                history.lines[operation],
                f"{names[code]!r} is no operation of the model {model.name}; "
                f"it has {', '.join(model.names)}",
            )
        value = values[operation]
        result = UNKNOWN if ends[operation] == NEVER else results[operation]
        try:
            values[operation], results[operation] = shape(
                names[code], value, result, history.processes[operation]
            )
        except ShapeError as error:
            lines = history.lines if _is_strange(shape, names[code], value) else history.end_lines
            raise HistoryError(lines[operation], f"{names[code]}: {error}") from None


def _is_strange(shape: Callable[..., object], name: str, value: object) -> bool:
    """Whether it is what was asked that makes no sense, rather than the answer."""
    try:
        shape(name, value, UNKNOWN, 0)
    except ShapeError:
        return True
    return False
