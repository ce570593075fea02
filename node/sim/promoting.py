"""Learners that are given a vote, judged by what their disks hold: what a leader knows of that, and
how it counts, is among what is checked.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

from node.raft.events import ConfigurationChanged, LeaderElected
from node.raft.ready import Ready
from node.raft.roles import Leader
from node.sim.host import Host
from node.sim.options import Options
from node.sim.world import MS
from node.storage.base import Stored
from node.verify.observation import Member, Violation

ROUNDS = 2
"""The one that was short, and the one under way: none of them takes an election timeout."""


@dataclass(slots=True)
class _Growth:
    """How much a leader's disk held at what time, by its clock. Both rise."""

    times: list[int] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)

    def note(self, at: int, index: int, since: int) -> None:
        """What is older than `since` is of no use but for the last."""
        if self.indices and self.indices[-1] == index:
            return
        self.times.append(at)
        self.indices.append(index)
        if (gone := bisect_right(self.times, since) - 1) > 0:
            del self.times[:gone], self.indices[:gone]

    def index_at(self, at: int) -> int:
        """0: not known."""
        place = bisect_right(self.times, at)
        return self.indices[place - 1] if place else 0


class VotersHaveCaughtUp:
    """A leader makes a voter of a learner that holds what the log held two election timeouts ago,
    or later, when that leader was elected, or when the learner came: it caught up in a round that
    was shorter than one, and the round under way is not longer (thesis 4.2.1).

    A voter that lacks more holds up the others, who may need it for their majority.
    """

    def __init__(self, options: Options, hosts: Mapping[int, Host]) -> None:
        self._rounds_us = ROUNDS * options.election_timeout_ms * MS
        self._hosts = hosts
        self._learners: dict[int, dict[int, int]] = {}
        """By node that knows of learners: who they are, and the entry since which they are."""
        self._growth: dict[int, _Growth] = {}
        """By leader that knows of learners, in its term."""

    def booted(self, member: Member, stored: Stored) -> None:
        self._learners.pop(member.id, None)
        configured = member.core.log.configured
        self._note_learners(member.id, ConfigurationChanged(0, 0, configured.configuration))

    def elected(self, member: Member, event: LeaderElected) -> None:
        self._growth.pop(member.id, None)

    def saved(self, member: Member, ready: Ready) -> None:
        if member.id in self._learners and member.core.is_leader:
            now = self._hosts[member.id].clock.now()
            growth = self._growth.setdefault(member.id, _Growth())
            growth.note(now, member.durable.last_index, now - self._rounds_us)

    def reconfigured(self, member: Member, event: ConfigurationChanged) -> None:
        core = member.core
        learners = self._learners.get(member.id, {})
        is_its_own = isinstance(core.role, Leader) and event.index >= core.role.first_index
        if is_its_own and learners:
            for learner, since in learners.items():
                if learner in event.configuration.voters:
                    self._check(member, event.index, learner, since)
        self._note_learners(member.id, event)

    def _note_learners(self, node_id: int, event: ConfigurationChanged) -> None:
        known = self._learners.pop(node_id, {})
        found = event.configuration.members - event.configuration.electorate
        if found:
            self._learners[node_id] = {
                learner: min(known.get(learner, event.index), event.index)
                for learner in sorted(found)
            }

    def _check(self, leader: Member, index: int, learner: int, since: int) -> None:
        core, host = leader.core, self._hosts[learner]
        assert isinstance(core.role, Leader)
        disk = host.disk
        if host.is_wiped or disk.is_rotten or disk.hard_state.current_term > core.term:
            return  # what it had acknowledged to this leader may be gone
        before = self._hosts[leader.id].clock.now() - self._rounds_us
        growth = self._growth.get(leader.id, _Growth())
        needed = max(since, core.role.first_index - 1, growth.index_at(before))
        terms = core.log.term_at(needed), disk.term_at(needed)
        if disk.last_index >= needed and (None in terms or terms[0] == terms[1]):
            return
        text = (
            f"gives n{learner} a vote with entry {index}, which holds entries up to "
            f"{disk.last_index}: it has not caught up with entry {needed}"
        )
        raise Violation("voters_have_caught_up", leader.id, text)
