"""Majorities, as arithmetic on sets of voters."""

from collections.abc import Collection, Iterable, Mapping
from enum import Enum


class VoteResult(Enum):
    PENDING = "pending"
    WON = "won"
    LOST = "lost"


def majority(voter_count: int) -> int:
    """The least number of voters of which any two groups share a member."""
    return voter_count // 2 + 1


def has_majority(voters: Collection[int], present: Iterable[int]) -> bool:
    """Whether `present`, of which only voters count and each once, is a majority of `voters`."""
    return len(set(present) & set(voters)) >= majority(len(voters))


def vote_result(voters: Collection[int], votes: Mapping[int, bool]) -> VoteResult:
    """The state of an election in which `votes` were cast so far, by voter."""
    needed = majority(len(voters))
    granted = sum(1 for voter in voters if votes.get(voter) is True)
    refused = sum(1 for voter in voters if votes.get(voter) is False)
    if granted >= needed:
        return VoteResult.WON
    if len(voters) - refused < needed:
        return VoteResult.LOST
    return VoteResult.PENDING


def reached_by_majority(values: Iterable[int]) -> int:
    """The greatest value that a majority has reached. `values` holds one number for each voter."""
    ordered = sorted(values, reverse=True)
    return ordered[majority(len(ordered)) - 1]
