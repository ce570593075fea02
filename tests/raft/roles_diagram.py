"""docs/roles.md and docs/roles.svg, made from the table that the code checks."""

import inspect
from collections.abc import Iterator

from node.raft.roles import (
    LEGAL_TRANSITIONS,
    ROLE_NAMES,
    Candidate,
    Follower,
    Leader,
    PreCandidate,
    Role,
)

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


# The drawing: roles in a row, moves to the right above them, moves to the left below.
WIDTH, HEIGHT = 130, 44
GAP = 70
MIDDLE = 94
ORDER: list[type[Role]] = [Follower, PreCandidate, Candidate, Leader]
STYLE = """\
.role { fill: var(--role, #fff); stroke: var(--md-default-fg-color, #456); stroke-width: 1.4; }
.leads { fill: var(--leader, #d9f0eb); }
.name { fill: var(--md-default-fg-color, #223); font: 600 14px sans-serif; text-anchor: middle; }
.move { fill: none; stroke: var(--md-default-fg-color--light, #567); stroke-width: 1.4; }
.head { fill: var(--md-default-fg-color--light, #567); }"""


def roles_drawing() -> str:
    """The diagram as SVG, in the colours of the page around it, or its own where there is none."""
    assert set(ORDER) == set(ROLE_NAMES), "a role has no place in the drawing"
    width = len(ORDER) * (WIDTH + GAP) - GAP + 60
    moves = [
        _move(ORDER.index(old), ORDER.index(new))
        for old in ORDER
        for new in ORDER
        if new in LEGAL_TRANSITIONS[old]
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 228" width="{width}"'
            ' role="img" aria-label="The moves between the roles">',
            f"<style>{STYLE}</style>",
            '<marker id="to" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
            ' orient="auto"><path class="head" d="M0 0.6 8 4 0 7.4z"/></marker>',
            f'<path class="move" marker-end="url(#to)" d="M4 {MIDDLE}H{_left(0) - 1}"/>',
            f'<circle class="head" cx="4" cy="{MIDDLE}" r="4"/>',
            *moves,
            *(_box(place, role) for place, role in enumerate(ORDER)),
            "</svg>\n",
        ]
    )


def _left(place: int) -> int:
    return 40 + place * (WIDTH + GAP)


def _box(place: int, role: type[Role]) -> str:
    name = ROLE_NAMES[role]
    kind = "role leads" if role is Leader else "role"
    x, y = _left(place), MIDDLE - HEIGHT // 2
    return (
        f'<rect class="{kind}" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="8"/>'
        f'<text class="name" x="{x + WIDTH // 2}" y="{MIDDLE + 5}">{name}</text>'
    )


def _move(start: int, end: int) -> str:
    """An arrow: straight to the next role, else an arc; above to the right, below to the left."""
    reach = end - start
    top, bottom = MIDDLE - HEIGHT // 2, MIDDLE + HEIGHT // 2
    if reach == 0:
        x = _left(start) + WIDTH // 2
        path = f"M{x - 14} {top}C{x - 34} {top - 44} {x + 34} {top - 44} {x + 14} {top - 1}"
    elif reach == 1:
        path = f"M{_left(start) + WIDTH} {MIDDLE}H{_left(end) - 1}"
    elif reach > 1:
        x, to = _left(start) + WIDTH - 24, _left(end) + 24
        height = top - 40 * reach
        path = f"M{x} {top}C{x + 30} {height} {to - 30} {height} {to} {top - 1}"
    else:
        x, to = _left(start) + 30 + 14 * -reach, _left(end) + WIDTH - 12 - 16 * -reach
        depth = bottom + 48 * -reach
        path = f"M{x} {bottom}C{x - 20} {depth} {to + 20} {depth} {to} {bottom + 1}"
    return f'<path class="move" marker-end="url(#to)" d="{path}"/>'
