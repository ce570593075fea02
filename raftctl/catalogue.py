"""Which module has which verb: a command line pays for the verb that stands on it, and no other."""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import typer

VERBS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("up", "down", "ls", "status", "wait", "env", "doctor", "prune"), ("cluster",)),
    **dict.fromkeys(("start", "stop", "kill", "restart", "pause", "resume"), ("nodes",)),
    **dict.fromkeys(("wipe", "logs", "serve"), ("nodes",)),
    **dict.fromkeys(("partition", "net", "disk", "clock", "heal", "faults"), ("faults",)),
    **dict.fromkeys(("put", "get", "del", "cas", "scan", "watch", "propose"), ("data",)),
    "transfer": ("raft",),
    "recover": ("repair",),
    "events": ("events",),
    "check": ("check",),
    "tui": ("tui",),
    "bench": ("bench",),
    **dict.fromkeys(("schema", "version", "help"), ("meta",)),
    "log": ("log",),
    "members": ("members",),
    "snapshot": ("snapshot", "repair"),
    "runs": ("runs",),
    "chaos": ("chaos",),
    "sim": ("sim",),
    "config": ("meta",),
}
"""By verb, in the order of --help: the modules of `raftctl.commands` that register it. Those with
verbs of their own stand behind those without.
"""


class Catalogue(Mapping[str, Any]):
    """The commands by name, each made when it is asked for. What they are called costs nothing."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - Typer's own type
        if name not in self._made:
            self._made[name] = _make(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(VERBS)

    def __len__(self) -> int:
        return len(VERBS)


def _make(name: str) -> Any:  # noqa: ANN401
    """Raises KeyError for what is no verb."""
    app = typer.Typer(rich_markup_mode=None)
    for module in VERBS[name]:
        importlib.import_module(f"raftctl.commands.{module}").add_to(app)
    app.registered_commands = [each for each in app.registered_commands if each.name == name]
    app.registered_groups = [each for each in app.registered_groups if each.name == name]
    return typer.main.get_group(app).commands[name]
