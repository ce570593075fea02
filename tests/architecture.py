"""The shape of the code, enforced: which module may import which, and how long things may get.

Imports point down only. A module's layer is that of the longest prefix in LAYERS; BANS holds what
the layers alone do not say. The rules read source text, never import it, so that each can be shown
a planted violation, in test_architecture.py.
"""

import ast
import graphlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

PACKAGES = ("node", "raftctl", "tui", "configs", "examples")

LAYERS = {
    "node.raft": 0,
    "configs": 0,
    "node.config": 1,
    "node.faults": 1,
    "node.machines": 1,
    "node.nodefaults": 1,
    "node.storage": 1,
    "node.wire": 1,
    "node.replica": 2,
    "node.scenario": 2,
    "node.verify": 2,
    "node.client": 3,
    "node.server": 3,
    "node.sim": 3,
    "node.storage.damage": 3,
    "node.storage.inspection": 3,
    "node.storage.ondisk": 3,
    "node.storage.renewal": 3,
    "node.storage.snapshots": 3,
    "node.storage.sqlite": 3,
    "node.transport": 3,
    "examples": 4,
    "raftctl": 4,
    "tui": 4,
}
ASYNC_LAYER = 3  # the lowest layer that may hold a coroutine

# What the pure library may import beside itself: modules that hold data or make it.
PURE_STDLIB = frozenset(
    {
        "__future__",
        "bisect",
        "collections",
        "dataclasses",
        "enum",
        "functools",
        "heapq",
        "itertools",
        "operator",
        "random",
        "typing",
    }
)
PURE_EXCEPTIONS = frozenset(
    {
        ("time", "node.raft.library"),  # its default clock
        ("importlib", "node.raft"),  # the public names, each found when it is asked for
    }
)
# Sockets, disks, clocks, processes and threads: the business of layer 3 and above.
IO_MODULES = (
    "asyncio",
    "concurrent",
    "datetime",
    "http",
    "logging",
    "multiprocessing",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "trio",
    "urllib",
)
FILE_MODULES = ("os", "pathlib")
IO_CALLS = frozenset({"__import__", "input", "open", "print"})


@dataclass(frozen=True)
class Ban:
    importers: tuple[str, ...]  # units: keys of LAYERS
    targets: tuple[str, ...]  # prefixes of what they may not import
    why: str
    except_in: tuple[str, ...] = ()
    lazy_is_fine: bool = False  # an import inside a function is allowed


STORAGE_ON_DISK = (
    "node.storage.damage",
    "node.storage.inspection",
    "node.storage.ondisk",
    "node.storage.renewal",
    "node.storage.snapshots",
    "node.storage.sqlite",
)
NODE = tuple(unit for unit in LAYERS if unit.startswith("node."))
BELOW_IO = tuple(unit for unit, layer in LAYERS.items() if layer in (1, 2))
BANS = (
    Ban(BELOW_IO, IO_MODULES, "only layer 3 and above touch the world"),
    Ban(
        BELOW_IO,
        FILE_MODULES,
        "only layer 3 and above touch the world",
        except_in=("node.config",),  # reads and writes the cluster's own files
    ),
    Ban(
        ("node.client", "node.server", *STORAGE_ON_DISK, "node.transport"),
        ("node.sim",),
        "the real and the virtual driver do not know each other",
    ),
    Ban(
        ("node.sim",),
        (
            "node.client.aio",
            "node.client.blocking",
            "node.client.trio",
            "node.server",
            *STORAGE_ON_DISK,
            "node.transport",
        ),
        "the real and the virtual driver do not know each other",
    ),
    Ban(("node.sim",), ("asyncio", "socket", "threading", "trio"), "the simulator is synchronous"),
    Ban(
        ("node.client",),
        ("trio", "node.transport"),
        "one-shot commands cannot pay for trio's import",
        except_in=("node.client.trio",),
    ),
    Ban(("node.client",), ("node.server",), "a client knows a node by its protocol alone"),
    Ban(NODE, ("rich", "textual", "typer"), "a node has no user interface"),
    Ban(("node.verify",), ("node.machines",), "the models are a second opinion"),
    Ban(("tui",), ("raftctl", "trio", "node.client.trio"), "the viewer runs on asyncio alone"),
    Ban(
        ("raftctl",),
        ("rich", "textual", "trio", "tui", "node.server"),
        "import it inside the function that needs it",
        lazy_is_fine=True,
    ),
)
TUI_MAY_IMPORT = (
    *("tui", "configs", "node.client", "node.config", "node.raft.events", "node.wire"),
    # What a typed line means there as in a command.
    *("node.scenario.errors", "node.scenario.links", "node.scenario.quantities"),
    "node.scenario.selectors",
)

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 400
FILE_LINES_HARD_MAX = 600
# path -> why it is one file although it is longer than FILE_LINES_MAX
LONG_FILES: dict[str, str] = {
    "node/raft/core.py": "the one door to the core: each method says what it is for, and delegates",
}

FACADE_NAME = re.compile(r"examples(\.\w+)*|node\.raft\.[A-Z]\w*")

VAGUE_MODULES = frozenset({"helper", "helpers", "manager", "managers", "util", "utils"})
VAGUE_CLASS = re.compile(r"Helper|Manager|Utils?(?![a-z])")


@dataclass(frozen=True)
class Import:
    target: str  # as dotted as it can be read: `from a.b import c` is a.b.c
    line: int
    lazy: bool


@dataclass(frozen=True)
class Module:
    name: str
    path: str
    source: str
    is_package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source, self.path)

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        return tuple(self._imports_in(self.tree, lazy=False))

    def _imports_in(self, node: ast.AST, lazy: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(alias.name, child.lineno, lazy)
            elif isinstance(child, ast.ImportFrom):
                base = self._absolute(child.module, child.level)
                for alias in child.names:
                    yield Import(f"{base}.{alias.name}", child.lineno, lazy)
            else:
                yield from self._imports_in(child, lazy or _defers_imports(child))

    def _absolute(self, module: str | None, level: int) -> str:
        if level == 0:
            return module or ""
        parts = self.name.split(".")
        drop = level - 1 if self.is_package else level
        return ".".join([*parts[: len(parts) - drop], *([module] if module else [])])


def _defers_imports(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def _within(name: str, prefixes: Iterable[str]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def unit_of(name: str) -> str | None:
    """The longest prefix of `name` that has a layer."""
    return max((unit for unit in LAYERS if _within(name, (unit,))), key=len, default=None)


def _is_ours(name: str) -> bool:
    return _within(name, PACKAGES)


Rule = Callable[[Module], Iterator[str]]


def imports_point_down(module: Module) -> Iterator[str]:
    unit = unit_of(module.name)
    layer = 0 if unit is None else LAYERS[unit]
    if unit is None and module.name != "node":
        yield f"{module.path}:1: {module.name} has no layer: give it one in LAYERS"
        return
    for item in module.imports:
        if not _is_ours(item.target):
            continue
        where = f"{module.path}:{item.line}: {module.name} imports {item.target}"
        target_unit = unit_of(item.target)
        if target_unit is None:
            yield f"{where}, which has no layer: give it one in LAYERS"
        elif LAYERS[target_unit] > layer:
            yield f"{where}: layer {layer} reaches up to layer {LAYERS[target_unit]}"


def library_is_pure(module: Module) -> Iterator[str]:
    if not _within(module.name, ("node.raft",)):
        return
    for item in module.imports:
        top = item.target.partition(".")[0]
        if top in PURE_STDLIB or _within(item.target, ("node.raft",)):
            continue
        if (top, module.name) in PURE_EXCEPTIONS:
            continue
        yield (
            f"{module.path}:{item.line}: {module.name} imports {item.target}: "
            "the library holds data modules of the standard library only"
        )


def bans_hold(module: Module) -> Iterator[str]:
    for ban in BANS:
        if unit_of(module.name) not in ban.importers or _within(module.name, ban.except_in):
            continue
        for item in module.imports:
            if _within(item.target, ban.targets) and not (item.lazy and ban.lazy_is_fine):
                where = f"{module.path}:{item.line}: {module.name} imports {item.target}"
                yield f"{where}: {ban.why}"


def nothing_is_read_or_printed_below_the_drivers(module: Module) -> Iterator[str]:
    """The calls for which nothing has to be imported; a method of that name is fine."""
    unit = unit_of(module.name)
    if unit is None or LAYERS[unit] >= ASYNC_LAYER:
        return
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in IO_CALLS
        ):
            where = f"{module.path}:{node.lineno}: {module.name} calls {node.func.id}()"
            yield f"{where} in layer {LAYERS[unit]}"


def viewer_imports_little(module: Module) -> Iterator[str]:
    if not _within(module.name, ("tui",)):
        return
    for item in module.imports:
        if _is_ours(item.target) and not _within(item.target, TUI_MAY_IMPORT):
            where = f"{module.path}:{item.line}: {module.name} imports {item.target}"
            yield f"{where}: the viewer may import {', '.join(TUI_MAY_IMPORT)}"


def examples_know_the_facade_alone(module: Module) -> Iterator[str]:
    """What an example needs, a stranger needs: so it has to be a name that `node.raft` gives."""
    if not _within(module.name, ("examples",)):
        return
    for item in module.imports:
        if _is_ours(item.target) and not FACADE_NAME.fullmatch(item.target):
            where = f"{module.path}:{item.line}: {module.name} imports {item.target}"
            yield f"{where}: an example uses what `from node.raft import ...` gives, and no more"


def randomness_is_injected(module: Module) -> Iterator[str]:
    """Below the drivers and in the simulator, `random` serves for its type Random alone."""
    unit = unit_of(module.name)
    if unit is None or (LAYERS[unit] >= ASYNC_LAYER and unit != "node.sim"):
        return
    why = "the module's own state is not reproducible: take a random.Random"
    for item in module.imports:
        if item.target.startswith("random.") and item.target != "random.Random":
            yield f"{module.path}:{item.line}: {module.name} imports {item.target}: {why}"
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "random"
            and node.attr != "Random"
            and any(item.target == "random" for item in module.imports)
        ):
            yield f"{module.path}:{node.lineno}: {module.name} uses random.{node.attr}: {why}"


def no_coroutine_below_the_drivers(module: Module) -> Iterator[str]:
    unit = unit_of(module.name)
    if unit is None or LAYERS[unit] >= ASYNC_LAYER:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.AsyncFunctionDef):
            yield f"{module.path}:{node.lineno}: async def {node.name} in layer {LAYERS[unit]}"


def functions_are_short(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                where = f"{module.path}:{node.lineno}: {node.name}"
                yield f"{where} has {lines} lines, the limit is {FUNCTION_LINES_MAX}"


def files_are_short(module: Module) -> Iterator[str]:
    lines = len(module.source.splitlines())
    limit = FILE_LINES_HARD_MAX if module.path in LONG_FILES else FILE_LINES_MAX
    if lines > limit:
        yield f"{module.path}:{lines}: the file has {lines} lines, the limit is {limit}"


def names_say_something(module: Module) -> Iterator[str]:
    last = module.name.rpartition(".")[2]
    if last in VAGUE_MODULES:
        yield f"{module.path}:1: a module named {last} says nothing: name it after its one idea"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and VAGUE_CLASS.search(node.name):
            yield f"{module.path}:{node.lineno}: class {node.name}: name it after what it does"


RULES: tuple[Rule, ...] = (
    imports_point_down,
    library_is_pure,
    bans_hold,
    nothing_is_read_or_printed_below_the_drivers,
    viewer_imports_little,
    examples_know_the_facade_alone,
    randomness_is_injected,
    no_coroutine_below_the_drivers,
    functions_are_short,
    files_are_short,
    names_say_something,
)


def cycle_of_units(modules: Iterable[Module]) -> list[str] | None:
    graph: dict[str, set[str]] = {}
    for module in modules:
        unit = unit_of(module.name)
        if unit is not None:
            targets = {unit_of(item.target) for item in module.imports} - {unit, None}
            graph.setdefault(unit, set()).update(target for target in targets if target)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return None
