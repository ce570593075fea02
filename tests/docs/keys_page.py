"""docs/reference/keys.md, made of the viewer's own tables."""

from collections.abc import Iterator

from tui.keynames import names_of
from tui.keys import NODES_BY_KEY, PLACES, Key

INTRODUCTION = """\
# Keys of the viewer

What `raftctl tui` does by keys, and what to type for the same. The file `keys.toml` gives each id
[other keys](../how-to/viewer.md#other-keys-other-colours); `:` finds all of them by name. On a page
its own keys come before those that are everywhere.
"""
TITLES = {
    "": "Everywhere",
    "overview": "On the first page, in a replay",
    "lists": "In lists: entries, events, logs",
    "events": "On the page of events",
    "node": "On the page of a node",
    "members": "On the page of members",
    "log": "On the page of logs",
    "chaos": "On the page of a chaos run",
    "question": "In a question",
    "form": "In a form",
    "partition": "In the editor of a partition",
    "scenarios": "In the list of scenarios",
    "help": "In the help",
}


def keys_page() -> str:
    """The whole page."""
    lines = [INTRODUCTION]
    for place, keys in PLACES.items():
        lines += [f"## {TITLES[place]}", "", "| key | does | id | `raftctl` ... |"]
        lines += ["|---|---|---|---|", *map(_row, keys)]
        if not place:
            lines.append(f"| `1` to `{NODES_BY_KEY}` | choose the node | `select.n1` ... | |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _row(key: Key) -> str:
    names = " ".join(f"`{name}`" for name in names_of(key.keys).split())
    about = key.about.replace("|", r"\|")  # in a table it would begin another cell
    return f"| {names} | {about} | `{key.id}` | {', '.join(_lines(key))} |".replace("|  |", "| |")


def _lines(key: Key) -> Iterator[str]:
    """Each of the lines that are one key's."""
    for line in filter(None, key.line.split(", ")):
        yield f"`{line}`"
