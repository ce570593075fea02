"""docs/reference/cli.md, made from the command line itself: the help that --help shows."""

from collections.abc import Iterator
from typing import Any

import typer

from raftctl.cli import app
from raftctl.verbs import SELECTORS

INTRODUCTION = """\
# Command line

Each verb of `raftctl`, as its `--help` tells it; this page is made from the same text.
"""
WIDTH = 100


def cli_page() -> str:
    """The whole page."""
    root: Any = typer.main.get_command(app)
    context = root.make_context("raftctl", [], resilient_parsing=True)
    context.terminal_width = WIDTH
    lines = [INTRODUCTION, "## Options of every verb", ""]
    lines += ["They may stand before the verb or after it.", ""]
    lines += _table("option", _records(root.params, context))
    lines += ["## Nodes", "", "Where a verb takes nodes (`SEL`), it takes any of these:", "",
              f"> {SELECTORS}", ""]  # fmt: skip
    headings: dict[str, list[str]] = {}
    for name, command in root.commands.items():
        heading = getattr(command, "rich_help_panel", None) or "Commands"
        headings.setdefault(heading, []).extend(_verb(command, name, context))
    for heading, verbs in headings.items():
        lines += [f"## {heading}", "", *verbs]
    return "\n".join(lines).rstrip() + "\n"


def _verb(command: Any, name: str, parent: Any) -> Iterator[str]:
    context = type(parent)(command, info_name=name, parent=parent, terminal_width=WIDTH)
    inner = getattr(command, "commands", {})
    yield f"### raftctl {context.command_path.removeprefix('raftctl ')}"
    yield ""
    yield from (line.strip() for line in (command.help or "").splitlines())
    yield ""
    if inner:
        for each, verb in inner.items():
            yield from _verb(verb, each, context)
        return
    usage = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
    yield from ["```text", usage, "```", ""]
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    yield from _table("argument", _records(arguments, context))
    yield from _table("option", _records(options, context))
    examples = (command.epilog or "").splitlines()
    if examples:
        yield from ["```bash", *examples, "```", ""]


def _records(params: list[Any], context: Any) -> list[tuple[str, str]]:
    found = [each.get_help_record(context) for each in params if not getattr(each, "hidden", False)]
    return [record for record in found if record is not None]


def _table(what: str, records: list[tuple[str, str]]) -> Iterator[str]:
    if not records:
        return
    yield from [f"| {what} | |", "|---|---|"]
    for left, right in records:
        text = " ".join(right.split()).replace("|", "\\|").replace("<", "&lt;")
        yield f"| `{left.strip()}` | {text} |".replace("  |", " |")
    yield ""
