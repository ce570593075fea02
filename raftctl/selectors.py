"""Which nodes a command means: n1 n2, leader, followers, minority, not:leader, all, ..."""

import re
from collections.abc import Callable, Sequence

from raftctl.documents import Node, Status
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.values import usage

WORDS = (
    "leader", "follower", "followers", "any", "any-follower", "minority", "majority", "lagging",
    "rest", "all",
)  # fmt: skip


_NUMBER = re.compile(r"n?([0-9]{1,18})")


def resolve(selectors: Sequence[str], status: Status) -> list[int]:
    """The nodes' ids, each once, in the order of asking. Nothing given is an error, never all.

    What was asked for may be nobody: `lagging` where no node lags. Raises CliError for an unknown
    node (exit 9), a bad selector (2), a leader where none is (5).
    """
    if not selectors:
        raise usage("which nodes?", "name them: n1 n2, leader, followers, all")
    return _resolve_words(selectors, status, ())


def resolve_group(text: str, status: Status, others: Sequence[int] = ()) -> list[int]:
    """One group, separated by commas; `rest` is all but `others` and what stands before it."""
    return _resolve_words([text], status, others)


def _resolve_words(texts: Sequence[str], status: Status, others: Sequence[int]) -> list[int]:
    chosen: list[int] = []
    for token in _tokens(texts):
        for node_id in _resolve_one(token, status, [*others, *chosen]):
            if node_id not in chosen:
                chosen.append(node_id)
    return chosen


def _tokens(texts: Sequence[str]) -> list[str]:
    """Words and their parts between commas; `not:` takes all that follows it in its word."""
    tokens: list[str] = []
    for word in " ".join(texts).split():
        plain, negation, excluded = re.split(r"((?:^|(?<=,))not:|$)", word, maxsplit=1)
        tokens += [token for token in plain.split(",") if token]
        if negation:
            tokens.append(negation + excluded)
    return tokens


def _id(row: Node) -> int:
    return int(row.id[1:])


def _resolve_one(token: str, status: Status, chosen: Sequence[int]) -> list[int]:
    if token.startswith("not:"):
        parts = _tokens([token.removeprefix("not:")])
        if not parts:
            raise usage("not whom?", "not:leader, not:n1,n2")
        excluded = {each for part in parts for each in _resolve_one(part, status, chosen)}
        return [node_id for node_id in _all(status) if node_id not in excluded]
    if number := _NUMBER.fullmatch(token):
        return [_known(int(number[1]), status)]
    if token not in _BY_WORD:
        raise usage(f"{token!r} selects nothing", f"n1 or 1, or one of: {', '.join(WORDS)}")
    return _BY_WORD[token](status, chosen)


def _known(node_id: int, status: Status) -> int:
    if node_id not in _all(status):
        raise CliError(
            "E_NO_NODE",
            f"{status.cluster} has no node n{node_id}",
            Exit.NOT_FOUND,
            hint=f"it has {', '.join(row.id for row in status.nodes)}",
        )
    return node_id


def _leader(status: Status) -> int:
    if status.leader is None:
        raise CliError(
            "E_NO_LEADER",
            f"{status.cluster} has no leader",
            Exit.NO_QUORUM,
            hint="raftctl status, raftctl wait leader",
            retryable=True,
        )
    return int(status.leader[1:])


def _all(status: Status) -> list[int]:
    return [_id(row) for row in status.nodes]


def _running(status: Status) -> list[int]:
    return [_id(row) for row in status.nodes if row.proc == "running"]


def _followers(status: Status) -> list[int]:
    leader = _leader(status)
    return [node_id for node_id in _running(status) if node_id != leader]


def _leader_first(status: Status) -> list[int]:
    """All nodes, the leader first where there is one."""
    leader = None if status.leader is None else int(status.leader[1:])
    return sorted(_all(status), key=lambda node_id: (node_id != leader, node_id))


def voters_of(status: Status) -> set[int]:
    """Those whose vote counts; all nodes where nobody could be asked."""
    members = status.configuration
    return set(_all(status)) if members is None else {int(name[1:]) for name in members.voters}


def _majority(status: Status) -> list[int]:
    """As few voters as decide, the leader among them."""
    voters = voters_of(status)
    ordered = [node_id for node_id in _leader_first(status) if node_id in voters]
    return ordered[: len(voters) // 2 + 1]


def _minority(status: Status) -> list[int]:
    majority = _majority(status)
    return [node_id for node_id in _all(status) if node_id not in majority]


def _first(ids: list[int], status: Status, what: str) -> list[int]:
    """One of them, with a vote if there is one: a wiped node holds little, and cannot lead."""
    if not ids:
        raise CliError("E_NO_NODE", f"there is no {what}", Exit.NOT_FOUND)
    wiped = {_id(row) for row in status.nodes if row.voting is False}
    voters = voters_of(status) - wiped
    return [min(ids, key=lambda node_id: node_id not in voters)]


def _rest(status: Status, chosen: Sequence[int]) -> list[int]:
    if not chosen:
        raise usage("rest of what?", "rest follows what it leaves out: n1 rest, 1,2 / rest")
    return [node_id for node_id in _all(status) if node_id not in chosen]


_BY_WORD: dict[str, Callable[[Status, Sequence[int]], list[int]]] = {
    "leader": lambda status, chosen: [_leader(status)],
    "follower": lambda status, chosen: _first(_followers(status), status, "follower"),
    "followers": lambda status, chosen: _followers(status),
    "any": lambda status, chosen: _first(_running(status), status, "running node"),
    "any-follower": lambda status, chosen: _first(_followers(status), status, "follower"),
    # The leader belongs to the majority: a minority is what a cluster can lose, learners included.
    "majority": lambda status, chosen: _majority(status),
    "minority": lambda status, chosen: _minority(status),
    "lagging": lambda status, chosen: [_id(row) for row in status.nodes if row.lag],
    "rest": _rest,
    "all": lambda status, chosen: _all(status),
}
