"""Who is given a vote has to hold what the leader promises, by its own disk."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node.raft.configuration import Configuration
from node.raft.events import ConfigurationChanged, LeaderElected
from node.raft.ready import HardState
from node.raft.roles import Leader
from node.sim.options import Options
from node.sim.promoting import VotersHaveCaughtUp
from node.verify.observation import Violation

MS = 1000
TERM = 5
VOTERS = frozenset({1, 2, 3})
WITH_LEARNER = Configuration(VOTERS, learners=frozenset({4}))
PROMOTED = Configuration(VOTERS | {4}, outgoing=VOTERS)


class Disk:
    """Entries of the terms in it, from index 1 on."""

    def __init__(self, terms: list[int]) -> None:
        self.terms = terms
        self.is_rotten = False
        self.hard_state = HardState(TERM, None)

    @property
    def last_index(self) -> int:
        return len(self.terms)

    def term_at(self, index: int) -> int | None:
        return self.terms[index - 1] if 0 < index <= len(self.terms) else None


class Cluster:
    """Node 1 leads since entry 11, and its log holds 20. Node 4 came with entry 12."""

    def __init__(self) -> None:
        self.now = 0
        self.leader, self.learner = Disk([4] * 10 + [TERM] * 10), Disk([4] * 10 + [TERM] * 2)
        role = Leader(0, 0, 0, 11, {})
        core = SimpleNamespace(role=role, is_leader=True, term=TERM, log=self.leader)
        clock = SimpleNamespace(now=lambda: self.now)
        self.member: Any = SimpleNamespace(id=1, core=core, durable=self.leader, clock=clock)
        learner = SimpleNamespace(id=4, disk=self.learner, is_wiped=False)
        hosts = cast(Mapping[int, Any], {1: self.member, 4: learner})
        self.rule = VotersHaveCaughtUp(Options(election_timeout_ms=100), hosts)
        self.rule.elected(self.member, LeaderElected(TERM, (1, 2), 0))
        self.enters(12, WITH_LEARNER)

    def enters(self, index: int, configuration: Configuration) -> None:
        self.rule.reconfigured(self.member, ConfigurationChanged(TERM, index, configuration))

    def saves(self, at_ms: int, entries: int) -> None:
        self.now = at_ms * MS
        self.leader.terms += [TERM] * entries
        self.rule.saved(self.member, cast(Any, None))

    def promotes(self, at_ms: int) -> None:
        self.now = at_ms * MS
        self.enters(len(self.leader.terms) + 1, PROMOTED)


def test_who_came_just_now_needs_the_entry_that_it_came_with() -> None:
    cluster = Cluster()
    cluster.promotes(10)
    del cluster.learner.terms[-1]
    text = "n1: gives n4 a vote with entry 21, which holds entries up to 11: .* with entry 12"
    cluster.enters(12, WITH_LEARNER)
    with pytest.raises(Violation, match=text):
        cluster.promotes(20)


def test_who_is_two_election_timeouts_behind_has_not_caught_up() -> None:
    cluster = Cluster()
    cluster.saves(100, 5)
    cluster.learner.terms += [TERM] * 8
    cluster.promotes(299)
    cluster.enters(12, WITH_LEARNER)
    with pytest.raises(Violation, match="up to 20: it has not caught up with entry 25"):
        cluster.promotes(300)


def test_who_holds_all_of_that_time_may_lack_what_came_since() -> None:
    cluster = Cluster()
    cluster.saves(100, 5)
    cluster.saves(200, 5)
    cluster.learner.terms += [TERM] * 13
    cluster.promotes(399)


def test_entries_of_another_leader_do_not_count() -> None:
    cluster = Cluster()
    cluster.learner.terms[10:] = [4] * 20
    with pytest.raises(Violation, match="voters_have_caught_up"):
        cluster.promotes(10)


@pytest.mark.parametrize("excuse", ["is in a later term", "its disk rots", "its disk was lost"])
def test_what_was_acknowledged_and_is_gone_is_no_mistake_of_the_leader(excuse: str) -> None:
    cluster = Cluster()
    cluster.learner.terms.clear()
    if excuse == "is in a later term":
        cluster.learner.hard_state = HardState(TERM + 1, None)
    elif excuse == "its disk rots":
        cluster.learner.is_rotten = True
    else:
        cast(Any, cluster.rule._hosts[4]).is_wiped = True
    cluster.promotes(10)


def test_a_follower_that_is_told_of_a_voter_has_nothing_to_promise() -> None:
    cluster = Cluster()
    cluster.learner.terms.clear()
    cluster.member.core.role = None
    cluster.promotes(10)
