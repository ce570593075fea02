"""The moves between roles: the table, the place that enforces it, the page that shows it."""

import itertools
from pathlib import Path

import pytest

from node.raft.roles import (
    LEGAL_TRANSITIONS,
    ROLE_NAMES,
    Candidate,
    Follower,
    Leader,
    PreCandidate,
    Role,
)
from tests.raft.roles_diagram import roles_page
from tests.raft.solo import Solo

PAGE = Path(__file__).resolve().parents[2] / "docs" / "roles.md"

LEGAL = {
    ("follower", "follower"),  # a later term
    ("follower", "precandidate"),  # no word from a leader
    ("follower", "candidate"),  # the leader handed over, or there is no pre-vote
    ("precandidate", "follower"),
    ("precandidate", "precandidate"),  # too few answers in time
    ("precandidate", "candidate"),
    ("candidate", "follower"),
    ("candidate", "precandidate"),  # too few votes in time
    ("candidate", "candidate"),  # the same, without pre-vote
    ("candidate", "leader"),
    ("leader", "follower"),
}


def role_named(name: str) -> Role:
    roles: dict[str, Role] = {
        "follower": Follower(1),
        "precandidate": PreCandidate(1, 0),
        "candidate": Candidate(1, 0),
        "leader": Leader(0, 1, 1, 1, {}),
    }
    return roles[name]


def test_the_table_holds_the_legal_moves_and_no_others() -> None:
    table = {
        (ROLE_NAMES[old], ROLE_NAMES[new]) for old, all_new in LEGAL_TRANSITIONS.items()
        for new in all_new
    }  # fmt: skip
    assert table == LEGAL
    assert LEGAL_TRANSITIONS.keys() == ROLE_NAMES.keys()


@pytest.mark.parametrize(("old", "new"), list(itertools.product(ROLE_NAMES.values(), repeat=2)))
def test_become_makes_the_legal_moves_and_refuses_the_others(old: str, new: str) -> None:
    core = Solo(term=3).core
    before = core.role = role_named(old)
    after = role_named(new)
    if (old, new) in LEGAL:
        core.become(after, "the test wants it")
        assert core.role is after
    else:
        with pytest.raises(AssertionError, match=f"{type(before).__name__}.* to .*"):
            core.become(after, "the test wants it")
        assert core.role is before
    assert core.term == 3, "a role is not a term"


def test_the_page_shows_the_table(request: pytest.FixtureRequest) -> None:
    now = roles_page()
    if request.config.getoption("--rewrite"):
        PAGE.write_text(now, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == now
    arrows = [line for line in now.splitlines() if "-->" in line and "[*]" not in line]
    assert len(arrows) == len(LEGAL)
