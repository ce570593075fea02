"""How much a node takes on before a majority has answered."""

from node.raft.core import RaftCore
from node.raft.proposing import size_of
from node.raft.roles import Leader
from node.verify.facts import Facts
from node.verify.observation import Member, Members, Violation

CLIENT_BYTES = 8
"""So a command begins, in its header."""


class WhatWaitsIsBounded:
    """A leader that is cut off cannot know it at once, and would take entries and reads without
    end. So each kind has its bound: `uncommitted_max`, `uncommitted_bytes_max` and `reads_max`, and
    what is committed makes room. Where nothing waits one request is taken whatever it holds: its
    commands are all of one client, and until there is room again no other comes behind them.

    What counts are this term's commands: what an earlier leader left, and configurations, are taken
    whatever waits.
    """

    __slots__ = ("_filled",)

    def __init__(self, members: Members, facts: Facts) -> None:
        self._filled: dict[int, tuple[int, int]] = {}
        """By leader that is beyond its bounds: its term, and the last command."""

    def turned(self, member: Member) -> None:
        core = member.core
        leader = core.role
        if type(leader) is not Leader:
            if len(core.forwarded_reads) > core.config.reads_max:
                self._exceeds(member, len(core.forwarded_reads), "reads wait for the leader")
            return
        if len(leader.reads) > core.config.reads_max:
            self._exceeds(member, len(leader.reads), "reads wait for a majority")
        open_entries = core.log.last_index - core.commit_index
        if open_entries == 0:
            self._filled.pop(member.id, None)
            if leader.uncommitted_bytes:
                self._exceeds(member, leader.uncommitted_bytes, "bytes count for no entry")
            return
        config = core.config
        if (
            open_entries > config.uncommitted_max
            or leader.uncommitted_bytes > config.uncommitted_bytes_max
        ):
            self._look(member, core, leader)

    def _look(self, member: Member, core: RaftCore, leader: Leader) -> None:
        first = max(core.commit_index, leader.first_index) + 1
        commands = {
            index: entry
            for index, (_, entry) in enumerate(core.log.entries(first, core.log.last_index), first)
            if type(entry) is bytes
        }
        size = sum(size_of(core.config, command) for command in commands.values())
        is_full = len(commands) > core.config.uncommitted_max
        if not is_full and size <= core.config.uncommitted_bytes_max:
            self._filled.pop(member.id, None)
            return
        filled = core.term, max(commands)
        known = self._filled.get(member.id)
        if known is None or known[0] != core.term:
            known = self._filled[member.id] = filled
        is_one = len({command[:CLIENT_BYTES] for command in commands.values()}) == 1
        if is_one and known == filled:
            return  # it may be one request
        if is_full:
            self._exceeds(member, len(commands), "commands are not committed")
        self._exceeds(member, size, "bytes of commands are not committed")

    def _exceeds(self, member: Member, count: int, what: str) -> None:
        raise Violation("what_waits_is_bounded", member.id, f"{count} {what}")
