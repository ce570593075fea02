"""Which leader a node has heard is found out from messages, whatever its core makes of them."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from node.raft.configuration import Configuration
from node.raft.messages import (
    AppendEntries,
    AppendEntriesResponse,
    RequestVoteResponse,
)
from node.sim.ageing import StaleReadsTellTheirAge
from node.sim.confirming import Confirmations
from node.sim.hearing import Heard, Hearings
from node.sim.leasing import Promises
from node.sim.options import Options
from node.verify.observation import Operation, Violation

MS = 1000


class Node:
    """Node 2, in term 5, which follows node 1."""

    def __init__(self) -> None:
        self.id = 2
        self.now = 0
        self.clock = SimpleNamespace(now=lambda: self.now)
        self.core = SimpleNamespace(term=5, configuration=Configuration(frozenset({1, 2, 3})))
        hosts: Any = {2: self}
        self.hearings = Hearings(hosts)
        self.promises = Promises(Options(), hosts, self.hearings)
        confirmations = Confirmations(hosts, lambda: self.now)
        self.ages = StaleReadsTellTheirAge(hosts, confirmations, self.hearings)

    def takes(self, term: int, claims_lease: bool = False) -> None:
        append = AppendEntries(term, 1, 0, 0, (), 0, 1, claims_lease=claims_lease)
        self.hearings.received(cast(Any, self), append)

    def answers(self) -> None:
        answer = AppendEntriesResponse(self.core.term, 2, True, 0, 1)
        self.promises.sending(cast(Any, self), 1, answer)

    def loses_its_leader(self) -> None:
        for observer in (self.hearings, self.promises):
            observer.lost(cast(Any, self), 1)

    def votes(self) -> None:
        self.core.term = 6
        self.promises.sending(cast(Any, self), 3, RequestVoteResponse(6, 2, True))

    def is_read(self, age_ms: int) -> None:
        """At this moment, and answers that what it says is so old at most."""
        operation = Operation(1, 0, "get", "k", None, None, "stale", self.now)
        self.ages.invoked(operation)
        operation.node_id, operation.age_ms = 2, age_ms
        self.ages.answered(operation)


def test_a_message_of_an_earlier_term_is_no_touch_with_a_leader() -> None:
    node = Node()
    node.takes(5)
    assert node.hearings.last[2] == Heard(1, 5, 0)
    node.now = 300 * MS
    node.takes(4)
    node.is_read(300)
    with pytest.raises(Violation, match=r"stale_reads_tell_their_age: n2.*299 ms"):
        node.is_read(299)


def test_who_has_just_answered_a_leader_votes_for_no_other() -> None:
    node = Node()
    node.takes(5)
    node.now = 100 * MS
    node.takes(5)
    node.answers()
    node.now = 200 * MS
    with pytest.raises(Violation, match=r"promises_to_leaders_are_kept: n2.*100000 us after"):
        node.votes()


def test_who_heard_a_leader_and_has_not_answered_promised_nothing() -> None:
    node = Node()
    node.takes(5)
    node.votes()


@pytest.mark.parametrize("answers_later", [False, True])
def test_the_end_of_the_connection_ends_what_claims_no_lease(answers_later: bool) -> None:
    node = Node()
    node.takes(5)
    if not answers_later:
        node.answers()
    node.loses_its_leader()
    if answers_later:
        node.answers()
    node.votes()


def test_the_end_of_the_connection_ends_no_promise_that_a_lease_rests_on() -> None:
    node = Node()
    node.takes(5, claims_lease=True)
    node.answers()
    node.loses_its_leader()
    with pytest.raises(Violation, match="promises_to_leaders_are_kept"):
        node.votes()
