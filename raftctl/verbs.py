"""How a verb joins the command line: its heading, its examples, and the options of all verbs.

The root declares the options that every verb knows. Each verb and group takes them too, so they may
stand before or after the verb, complete like any other option, and mean nothing behind a `--`.
"""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from raftctl.catalogue import Catalogue
from raftctl.settings import Settings, make_settings

ROOT_ONLY = "version"
"""The one option of the root that no verb takes."""
SELECTORS = (
    "n1 n2 or 1,2, leader, follower, followers, any, any-follower, minority, majority, lagging, "
    "rest, not:SEL, all. Nothing defaults to all."
)

ACTOR_VARIABLE = "RAFTCTL_BY"
"""Who types, in the environment of a command that no person typed: one of ACTORS."""
ACTORS = ("cli", "tui", "chaos")
CHANGING = frozenset({
    "up", "down", "start", "stop", "kill", "restart", "pause", "resume", "wipe", "partition", "net",
    "disk", "clock", "heal", "transfer", "members add", "members promote", "members demote",
    "members remove", "members replace", "snapshot take", "snapshot auto", "snapshot restore",
    "recover",
})  # fmt: skip
"""The verbs that do something to a cluster that is no reading or writing of data."""
LOOKING = (["net", "show"], ["snapshot", "auto"])
"""Lines of theirs that do nothing."""


def _shared_params(context: Any) -> list[Any]:  # noqa: ANN401 - Typer's own types
    """The root's options: what every verb knows."""
    root = context.find_root()
    shared = [each for each in root.command.params if each.expose_value and each.name != ROOT_ONLY]
    return [] if context is root else shared


def settings_of(context: Any) -> Settings:  # noqa: ANN401
    """The shared options' values; what stands nearest to the verb's own arguments wins."""
    values = dict(context.find_root().params)
    values.pop(ROOT_ONLY, None)
    chain = [context]
    while chain[0].parent is not None:
        chain.insert(0, chain[0].parent)
    for each in chain[1:]:
        for name in values:
            value = each.params.pop(name, None)
            if each.get_parameter_source(name).name == "COMMANDLINE":
                values[name] = value
    return make_settings(**values)


def verb_of(context: Any) -> list[str]:  # noqa: ANN401
    """The words of the verb: members, add."""
    parent = context.parent
    return [] if parent is None else [*verb_of(parent), str(context.info_name)]


def words_of(context: Any) -> list[str]:  # noqa: ANN401
    """What was typed behind the verb and is its own, options last."""
    arguments: list[str] = []
    options: list[str] = []
    for each in context.command.params:
        if context.get_parameter_source(each.name).name != "COMMANDLINE":
            continue
        value = context.params[each.name]
        if isinstance(value, bool):
            options.append((each.opts if value else each.secondary_opts)[-1])
            continue
        values = value if isinstance(value, list | tuple) else [value]
        for text in map(str, values):
            if each.param_type_name == "argument":
                arguments.append(text)
            else:
                options += [each.opts[-1], text]
    return [*arguments, *options]


class Verb(TyperCommand):
    """A command whose epilog is its examples, a line each."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401
        return [*super().get_params(ctx), *_shared_params(ctx)]

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        ctx.obj = settings_of(ctx)
        verb = verb_of(ctx)
        line = [*verb, *words_of(ctx)]
        if " ".join(verb) not in CHANGING or line in LOOKING or "--dry-run" in line:
            return super().invoke(ctx)
        from raftctl.cluster.noting import noted

        return noted(ctx.obj, line, partial(super().invoke, ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401
        """Arguments as people write them: Typer puts braces around the required ones."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        TyperCommand(self.name, params=self.params).format_options(ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        with formatter.section("Examples"):
            for line in (self.epilog or "").splitlines():
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")
        with formatter.section("Options of every verb, before or after it"):
            names = ", ".join("/".join(each.opts) for each in _shared_params(ctx))
            formatter.write_text(f"{names}; see raftctl --help")


class Group(TyperGroup):
    """A verb that has verbs of its own, such as `log show`. Alone it shows them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401
        return [*super().get_params(ctx), *_shared_params(ctx)]


class Root(TyperGroup):
    """All verbs, under the headings that they were registered with."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401
        super().__init__(**attributes)
        self.commands: Any = Catalogue()

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        sections: dict[str, list[tuple[str, str]]] = {}
        width = max(map(len, self.commands))
        for name, command in self.commands.items():
            heading = getattr(command, "rich_help_panel", None) or "Commands"
            text = command.get_short_help_str(limit=formatter.width)
            sections.setdefault(heading, []).append((name.ljust(width), text))
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        with formatter.section("Nodes (SEL)"):
            formatter.write_text(SELECTORS)
        with formatter.section("Try"):
            formatter.write_text(self.epilog or "")


def section(app: typer.Typer, heading: str) -> Callable[..., None]:
    """A function that registers verbs under `heading`: add(function, *examples, name=None)."""

    def add(function: Callable[..., Any], *examples: str, name: str | None = None) -> None:
        app.command(
            name or function.__name__,
            cls=Verb,
            help=inspect.getdoc(function),
            epilog="\n".join(f"raftctl {example}" for example in examples),
            rich_help_panel=heading,
        )(function)

    return add


def group(app: typer.Typer, name: str, heading: str, about: str) -> typer.Typer:
    """A verb with verbs of its own, one for each name; register those with `section`."""
    for known in app.registered_groups:
        if known.name == name and known.typer_instance is not None:
            return known.typer_instance
    inner = typer.Typer(rich_markup_mode=None, help=about)
    app.add_typer(inner, name=name, cls=Group, rich_help_panel=heading)
    return inner
