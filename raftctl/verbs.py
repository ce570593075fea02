"""How a verb joins the command line, and how help looks: sections, examples, the global options."""

import inspect
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

GLOBAL_OPTIONS = """\
  -c, --cluster NAME  -o, --output text|wide|json|jsonl  --timeout DUR
  --home DIR  -y, --yes  -q, --quiet  -v, --verbose  --no-color  --ascii
"""


class Verb(TyperCommand):
    """A command whose epilog is its examples, a line each."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401 - Typer's own
        """Arguments as people write them: Typer puts braces around the required ones."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        with formatter.section("Examples"):
            for line in (self.epilog or "").splitlines():
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")
        with formatter.section("Everywhere, before or after the verb"):
            formatter.write(GLOBAL_OPTIONS)


class Verbs(TyperGroup):
    """The root: verbs under the headings that they were registered with."""

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
            formatter.write_text(
                "n1 n2 or 1,2, leader, follower, followers, any, any-follower, minority, "
                "majority, lagging, rest, not:SEL, all. Nothing defaults to all."
            )
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
    """A verb that has verbs of its own, such as `log show`."""
    inner = typer.Typer(rich_markup_mode=None, help=about)
    app.add_typer(inner, name=name, rich_help_panel=heading)
    return inner
