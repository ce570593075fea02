"""Which nodes a command means: n1 n2, leader, followers, minority, not:leader, all, ..."""

from collections.abc import Callable, Sequence

from raftctl.documents import Node, Status
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.values import usage

WORDS = (
    "leader", "follower", "followers", "any", "any-follower", "minority", "majority", "lagging",
    "rest", "all",
)  # fmt: skip


def resolve(selectors: Sequence[str], status: Status) -> list[int]:
    """The nodes' ids, each once, in the order of asking. Nothing given is an error, never all.

    Raises CliError for an unknown node (exit 9), a bad selector (2), a leader where none is (5).
    """
    if not selectors:
        raise usage("which nodes?", "name them: n1 n2, leader, followers, all")
    chosen: list[int] = []
    for token in _tokens(selectors):
        for node_id in _resolve_one(token, status, chosen):
            if node_id not in chosen:
                chosen.append(node_id)
    return chosen


def resolve_group(text: str, status: Status, others: Sequence[int] = ()) -> list[int]:
    """One comma-separated group; `rest` is all but `others`."""
    chosen: list[int] = []
    for token in _tokens([text]):
        for node_id in _resolve_one(token, status, [*others, *chosen]):
            if node_id not in chosen:
                chosen.append(node_id)
    return chosen


def _tokens(selectors: Sequence[str]) -> list[str]:
    return [token for text in selectors for token in text.replace(",", " ").split()]


def _id(row: Node) -> int:
    return int(row.id[1:])


def _resolve_one(token: str, status: Status, chosen: Sequence[int]) -> list[int]:
    if token.startswith("not:"):
        excluded = _resolve_one(token[4:], status, chosen)
        return [_id(row) for row in status.nodes if _id(row) not in excluded]
    number = token.removeprefix("n")
    if number.isdigit():
        if int(number) not in map(_id, status.nodes):
            names = ", ".join(row.id for row in status.nodes)
            raise CliError(
                "E_NO_NODE",
                f"{status.cluster} has no node n{number}",
                Exit.NOT_FOUND,
                hint=f"it has {names}",
            )
        return [int(number)]
    if token not in _BY_WORD:
        raise usage(f"{token!r} selects nothing", f"n1 or 1, or one of: {', '.join(WORDS)}")
    return _BY_WORD[token](status, chosen)


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


def _first(ids: list[int], what: str) -> list[int]:
    if not ids:
        raise CliError("E_NO_NODE", f"there is no {what}", Exit.NOT_FOUND)
    return ids[:1]


_BY_WORD: dict[str, Callable[[Status, Sequence[int]], list[int]]] = {
    "leader": lambda status, chosen: [_leader(status)],
    "follower": lambda status, chosen: _first(_followers(status), "follower"),
    "followers": lambda status, chosen: _followers(status),
    "any": lambda status, chosen: _first(_running(status), "running node"),
    "any-follower": lambda status, chosen: _first(_followers(status), "follower"),
    # The leader belongs to the majority: a minority is what a cluster can lose.
    "majority": lambda status, chosen: _leader_first(status)[: len(status.nodes) // 2 + 1],
    "minority": lambda status, chosen: _leader_first(status)[len(status.nodes) // 2 + 1 :],
    "lagging": lambda status, chosen: [_id(row) for row in status.nodes if row.lag],
    "rest": lambda status, chosen: [each for each in _all(status) if each not in chosen],
    "all": lambda status, chosen: _all(status),
}
