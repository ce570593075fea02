"""How a bug gets into functions that are loaded already, and out again."""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType

from node.scenario.scenario import Scenario

Plant = Callable[[], None]
Shows = Callable[[Scenario], bool]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug. `about` is what goes wrong, `seen_in` where others had it; `caught_by` are the
    invariants whose finding says what is wrong. Runs that it does not `shows_in` cannot meet it.
    """

    name: str
    theme: str
    about: str
    seen_in: str
    caught_by: tuple[str, ...]
    shows_in: Shows
    plant: Plant


registered: dict[str, Mutant] = {}
"""By name. `tests.mutants.catalogue` has all of them."""

_sources: dict[FunctionType, str] = {}
"""Of functions that are not as they were written."""
_originals: dict[FunctionType, CodeType] = {}


def anywhere(scenario: Scenario) -> bool:
    return True


def mutant(seen_in: str, *caught_by: str, shows_in: Shows = anywhere) -> Callable[[Plant], Plant]:
    """A function that plants the bug that its docstring tells of."""

    def register(plant: Plant) -> Plant:
        name, theme = plant.__name__, plant.__module__.rpartition(".")[2]
        assert name not in registered, f"{name} is there twice"
        about = " ".join((plant.__doc__ or "").split())
        registered[name] = Mutant(name, theme, about, seen_in, caught_by, shows_in, plant)
        return plant

    return register


def rewrite(target: Callable[..., object] | property, old: str, new: str) -> None:
    """Put `new` in the place of `old`, which stands once in the source of `target`. The function
    stays the object that it is, so whoever imported it has the new one too.
    """
    function = target.fget if isinstance(target, property) else target
    assert isinstance(function, FunctionType), f"{target} is no function of Python"
    source = _sources.get(function) or textwrap.dedent(inspect.getsource(function))
    assert source.count(old) == 1, f"{old!r} is {source.count(old)} times in {function}"
    changed = source.replace(old, new)
    name = f"<mutant {function.__qualname__}>"
    (code,) = [
        constant
        for constant in compile(changed, name, "exec").co_consts
        if isinstance(constant, CodeType) and constant.co_name == function.__name__
    ]
    _originals.setdefault(function, function.__code__)
    _sources[function] = changed
    function.__code__ = code


def restore() -> None:
    """Everything is as it was written."""
    for function, code in _originals.items():
        function.__code__ = code
    _originals.clear()
    _sources.clear()


@contextmanager
def planted(name: str) -> Iterator[Mutant]:
    """The mutant of that name is there as long as this lasts."""
    found = registered[name]
    try:
        found.plant()
        yield found
    finally:
        restore()
