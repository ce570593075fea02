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
    what is committed makes room. Where nothing waits one request is taken whatever it holds; its
    commands are all of one client.

    What counts are this term's commands: what an earlier leader left, and configurations, are taken
    whatever waits.
    """

    __slots__ = ()

    def __init__(self, members: Members, facts: Facts) -> None:
        pass

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
        commands = [
            entry
            for _, entry in core.log.entries(first, core.log.last_index)
            if type(entry) is bytes
        ]
        sizes = [size_of(core.config, command) for command in commands]
        if len({command[:CLIENT_BYTES] for command in commands}) == 1:
            return  # it may be one request
        if len(sizes) > core.config.uncommitted_max:
            self._exceeds(member, len(sizes), "commands are not committed")
        if sum(sizes) > core.config.uncommitted_bytes_max:
            self._exceeds(member, sum(sizes), "bytes of commands are not committed")

    def _exceeds(self, member: Member, count: int, what: str) -> None:
        raise Violation("what_waits_is_bounded", member.id, f"{count} {what}")
