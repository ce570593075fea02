"""docs/roles.md, made from the table that the code checks."""

import inspect
from collections.abc import Iterator

from node.raft.roles import LEGAL_TRANSITIONS, ROLE_NAMES

INTRODUCTION = """\
# The roles of a node

Whatever is not drawn here does not happen: `RaftCore.become` checks every move against
`LEGAL_TRANSITIONS` in `node/raft/roles.py`, from which this page is made. An arrow from a role to
itself is a fresh start in it: a later term, or a new election.
"""


def roles_page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_diagram(), "", *_table()]) + "\n"


def _diagram() -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield "    [*] --> follower"
    for old, name in ROLE_NAMES.items():
        for new, target in ROLE_NAMES.items():
            if new in LEGAL_TRANSITIONS[old]:
                yield f"    {name} --> {target}"
    yield "```"


def _table() -> Iterator[str]:
    yield "| role | what it does |"
    yield "|---|---|"
    for role, name in ROLE_NAMES.items():
        text = " ".join((inspect.getdoc(role) or "").split())
        yield f"| {name} | {text} |"
