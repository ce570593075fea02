"""Whom a leader spares while a quorum answers: never for long, and not where somebody waits."""

from collections.abc import Callable
from typing import Any

import pytest

from node.raft.config import CoreConfig
from node.raft.configuration import AddLearner, Change, Remove
from node.raft.messages import (
    AppendEntries,
    AppendEntriesResponse,
    ForwardProposal,
    ReadIndexRequest,
    ReadIndexResponse,
)
from node.raft.ready import ReadState, Ready
from node.raft.roles import Leader
from node.raft.sparing import SPARED_ENTRIES_MAX
from tests.raft.solo import TIMEOUT_US, Solo, appends_to

SPARE_US = 20_000


class Sparing(Solo):
    """Node 1 leads, and all of the others hold its no-op."""

    def __init__(self, size: int = 3, **settings: Any) -> None:
        super().__init__(size=size, spare_us=SPARE_US, heartbeat_us=50_000, **settings)
        self.lead()
        for peer in self.others:
            self.acknowledge(self.core.last_index, peer)
        self.end_period()

    @property
    def others(self) -> list[int]:
        return sorted(self.core.progress)

    @property
    def leader(self) -> Leader:
        assert isinstance(self.core.role, Leader)
        return self.core.role

    def end_period(self) -> dict[int, list[AppendEntries]]:
        return self.asked_by(lambda: self.tick(SPARE_US))

    def asked_by(self, act: Callable[[], object]) -> dict[int, list[AppendEntries]]:
        """The appends that leave in consequence, by whom they are for."""
        self.envelopes.clear()
        act()
        asked: dict[int, list[AppendEntries]] = {}
        for to, message in self.envelopes:
            if isinstance(message, AppendEntries):
                asked.setdefault(to, []).append(message)
        return asked

    def put(self, *values: str) -> dict[int, list[AppendEntries]]:
        """Propose each on its own, as if a client waited for each; who is sent what."""

        def propose() -> None:
            for value in values or ("x",):
                self.core.propose([value])
                self.work()

        return self.asked_by(propose)

    def read(self) -> None:
        self.core.read_index("get", self.now)
        self.work()

    def spare(self, *spared: int) -> None:
        """Commit an entry by the answers of all but these, which are spared from now on."""
        self.put("first")
        for peer in self.others:
            if peer not in spared:
                self.acknowledge(self.core.last_index, peer)
        assert self.core.commit_index == self.core.last_index
        assert self.leader.spared == set(spared)


def values(appends: list[AppendEntries]) -> list[Any]:
    return [entry.entry for append in appends for entry in append.entries]


def test_all_are_asked_until_a_quorum_has_answered_and_then_that_quorum() -> None:
    solo = Sparing()
    assert sorted(solo.put("a")) == [2, 3]
    solo.acknowledge(solo.core.last_index, peer=3)
    assert sorted(solo.put("b")) == [3]
    solo.acknowledge(solo.core.last_index, peer=3)
    assert solo.core.commit_index == solo.core.last_index, "its answer is enough"


def test_who_was_spared_hears_in_one_append_when_the_period_ends() -> None:
    solo = Sparing()
    solo.spare(2)
    solo.put("a", "b", "c")
    solo.tick(SPARE_US - 1)
    asked = solo.asked_by(lambda: solo.tick(1))
    assert len(asked[2]) == 1
    assert values(asked[2]) == ["a", "b", "c"]
    assert asked[2][0].leader_commit == solo.core.commit_index
    assert 3 not in asked, "it was sent them before"


def test_end_of_a_period_is_when_there_is_something_to_do_next() -> None:
    solo = Sparing()
    before = solo.core.next_deadline
    solo.spare(2)
    assert solo.core.next_deadline == solo.now + SPARE_US < before
    solo.end_period()
    assert solo.leader.spares_until is None, "nobody is woken for it while nothing comes"


def test_entry_waits_for_no_more_than_a_period_where_one_of_the_quorum_fails_silently() -> None:
    solo = Sparing()
    solo.spare(2)
    solo.put("a")  # which 3 does not answer
    assert values(solo.end_period()[2])[-1] == "a"
    solo.acknowledge(solo.core.last_index, peer=2)
    assert solo.core.commit_index == solo.core.last_index
    assert solo.leader.spared == {3}, "who answers is asked"


def test_lost_connection_of_one_of_the_quorum_ends_the_period_at_once() -> None:
    solo = Sparing()
    solo.spare(2)
    solo.put("a")
    solo.core.peer_lost(3, solo.now)
    assert values(appends_to(solo.work()))[-1] == "a"
    assert solo.leader.spares_until is None


def test_heartbeat_is_not_held_back_and_brings_what_is_new() -> None:
    solo = Sparing(size=5)
    solo.spare(4, 5)
    solo.core.propose(["a"])
    solo.leader.heartbeat_deadline = solo.now
    asked = solo.asked_by(lambda: solo.tick(0))
    assert sorted(asked) == [2, 3, 4, 5]
    assert values(asked[4]) == values(asked[5])
    assert values(asked[5])[-1] == "a"
    assert solo.leader.spared == {4, 5}


def saving(solo: Sparing) -> Ready:
    """A batch that the leader's disk takes its time for."""
    solo.core.propose(["saved"])
    ready = solo.core.ready()
    assert ready is not None
    return ready


def test_who_was_spared_has_its_turn_though_a_period_ends_while_a_batch_is_saved() -> None:
    solo = Sparing()
    solo.spare(2)
    solo.put("a", "b")
    under_way = saving(solo)
    solo.now += SPARE_US
    solo.core.tick(solo.now)
    solo.core.take_prompt()
    last, newest = solo.core.last_index, solo.newest_sequence
    for match in (last - 2, last - 1):  # what it commits would begin a period
        solo.core.step(AppendEntriesResponse(1, 3, True, match, newest, match), solo.now)
    assert solo.core.commit_index == last - 1
    solo.core.synced(under_way.seq, solo.now)
    asked = solo.asked_by(solo.work)
    assert values(asked[2])[-3:] == ["a", "b", "saved"]


def test_answers_do_not_make_a_period_longer() -> None:
    solo = Sparing()
    solo.spare(2)
    until = solo.leader.spares_until
    solo.now += SPARE_US // 2
    solo.put("a")
    solo.acknowledge(solo.core.last_index, peer=3)
    assert solo.leader.spares_until == until


def test_heartbeat_while_a_batch_is_saved_brings_what_the_others_have() -> None:
    solo = Sparing()
    solo.spare(2)
    solo.put("a")
    under_way = saving(solo)
    solo.core.propose(["not handed out yet"])
    solo.leader.heartbeat_deadline = solo.now
    solo.core.tick(solo.now)
    beats = {to: appends_to([each]) for to, each in solo.core.take_prompt().messages}
    assert values(beats[2])[-2:] == ["a", "saved"]
    assert values(beats[3]) == []
    solo.core.synced(under_way.seq, solo.now)


def test_period_does_not_begin_before_all_have_heard_of_a_change_of_members() -> None:
    solo = Sparing()
    solo.put("a")
    solo.core.change_membership([AddLearner(4, "n4:1")], solo.now)
    asked = solo.asked_by(lambda: solo.acknowledge(solo.core.last_index - 1, peer=3))
    assert solo.core.commit_index == solo.core.last_index - 1
    assert values(asked[2])[-1] == values(asked[3])[-1] == solo.core.configuration


def test_member_that_is_removed_while_it_is_spared_is_not_asked_to_confirm_reads() -> None:
    solo = Sparing()
    solo.core.change_membership([Remove(2)], solo.now)
    solo.work()
    newest, read_index = solo.newest_sequence, solo.core.commit_index
    solo.core.read_index("get", solo.now)
    solo.acknowledge(solo.core.last_index, peer=3, sequence=newest)  # which spares 2
    assert solo.others == [3], "the joint configuration is left at once"
    solo.acknowledge(solo.core.last_index, peer=3)
    assert solo.reads == [ReadState("get", read_index)]


def test_who_holds_most_and_falls_silent_holds_up_reads_once() -> None:
    solo = Sparing()
    solo.spare(2)  # 3 holds more, and is not heard of any more; 2's disk hangs, and it answers
    solo.end_period()
    held = solo.core.progress[2].match_index
    solo.read()
    solo.acknowledge(held, peer=2)
    assert len(solo.reads) == 1
    assert solo.leader.spared == set(), "nobody can be asked alone"
    asked = solo.asked_by(solo.read)
    assert sorted(asked) == [2, 3]


def test_what_a_spared_follower_lacks_is_not_compacted_away() -> None:
    solo = Sparing()
    solo.spare(2)
    lacks_after = solo.core.progress[2].next_index - 1
    solo.put("a", "b")
    assert solo.core.needed_index == solo.core.last_index - 2 == lacks_after
    solo.end_period()
    assert solo.core.needed_index == solo.core.last_index


def test_quorum_is_made_of_those_that_answered_first() -> None:
    solo = Sparing(size=5)
    solo.put("a")
    for peer in (5, 3):
        solo.acknowledge(solo.core.last_index, peer)
    assert sorted(solo.put("b")) == [3, 5]


def test_read_asks_the_quorum_alone_and_the_others_when_the_period_ends() -> None:
    solo = Sparing()
    solo.spare(2)
    asked = solo.asked_by(solo.read)
    assert sorted(asked) == [3]
    assert sorted(solo.end_period()) == [2], "3 may be gone"
    solo.acknowledge(solo.core.last_index, peer=2)
    assert solo.reads == [ReadState("get", solo.core.commit_index)]
    assert solo.leader.spared == {3}


def test_confirmed_reads_begin_a_period_too() -> None:
    solo = Sparing()
    solo.read()
    solo.acknowledge(solo.core.last_index, peer=2)
    assert solo.leader.spared == {3}


def test_period_without_reads_ends_without_a_word() -> None:
    solo = Sparing()
    solo.spare(2)
    solo.tick(SPARE_US)
    solo.acknowledge(solo.core.last_index, peer=2)
    solo.read()
    solo.acknowledge(solo.core.last_index, peer=2)
    assert solo.leader.spared == {3}
    solo.leader.heartbeat_deadline = solo.now + 2 * SPARE_US
    assert solo.end_period() == {}


def test_follower_that_forwards_a_read_hears_at_once_what_it_has_to_apply() -> None:
    solo = Sparing()
    solo.spare(2)
    solo.put("a")
    solo.acknowledge(solo.core.last_index, peer=3)
    asked = solo.asked_by(lambda: solo.receive(ReadIndexRequest(solo.core.term, 2, 7)))
    (append,) = asked[2]
    assert values([append])[-1] == "a"
    assert append.leader_commit == solo.core.commit_index
    solo.acknowledge(solo.core.last_index, peer=2)
    answers = [each for _, each in solo.envelopes if isinstance(each, ReadIndexResponse)]
    assert [each.read_index for each in answers] == [solo.core.commit_index]


def test_read_that_was_forwarded_is_heard_of_though_its_leader_commits_in_the_same_turn() -> None:
    solo = Sparing()
    solo.put("a")
    solo.core.step(ReadIndexRequest(solo.core.term, 2, 7), solo.now)
    asked = solo.asked_by(lambda: solo.acknowledge(solo.core.last_index, peer=3))
    assert asked[2][-1].leader_commit == solo.core.commit_index == solo.core.last_index


def test_follower_that_forwards_a_command_is_sent_it_at_once() -> None:
    solo = Sparing()
    solo.spare(2)
    message = ForwardProposal(solo.core.term, 2, 7, "from 2")
    asked = solo.asked_by(lambda: solo.receive(message))
    assert values(asked[2])[-1] == values(asked[3])[-1] == "from 2"
    assert solo.leader.spares_until is not None, "the period goes on"
    assert sorted(solo.put("a")) == [2, 3], "it waits for what follows as well"


def test_successor_is_not_spared_and_nobody_is_while_leadership_changes_hands() -> None:
    solo = Sparing()
    solo.spare(2)
    solo.put("a")
    solo.core.transfer_leadership(2, solo.now)
    assert values(appends_to(solo.work()))[-1] == "a"
    solo.acknowledge(solo.core.last_index, peer=3)
    assert solo.core.commit_index == solo.core.last_index
    assert solo.leader.spares_until is None


@pytest.mark.parametrize("change", [AddLearner(4, "n4:1"), Remove(3)])
def test_all_hear_of_a_change_of_members_at_once(change: Change) -> None:
    solo = Sparing()
    solo.spare(2)
    asked = solo.asked_by(lambda: (solo.core.change_membership([change], solo.now), solo.work()))
    assert {2, 3} <= set(asked)
    assert all(values(asked[peer])[-1] == solo.core.configuration for peer in (2, 3))


def test_both_majorities_of_a_change_are_asked() -> None:
    solo = Sparing(size=5)
    solo.put("a")
    before = solo.core.last_index
    solo.core.change_membership([Remove(4), Remove(5)], solo.now)
    solo.work()
    for peer in (4, 5, 2):
        solo.acknowledge(before, peer)
    assert solo.core.configuration.is_joint
    assert solo.core.commit_index == before
    asked = {solo.core.id, *solo.others} - solo.leader.spared
    assert solo.core.configuration.has_quorum(asked)
    assert solo.leader.spared


def test_learner_of_a_lone_voter_is_spared_too() -> None:
    solo = Solo(size=1, spare_us=SPARE_US)
    solo.lead()
    solo.core.change_membership([AddLearner(2, "n2:1")], solo.now)
    solo.work()
    solo.acknowledge(solo.core.last_index)
    assert solo.core.progress[2].match_index == solo.core.last_index
    solo.tick(SPARE_US)
    solo.core.propose(["a"])
    solo.work()
    solo.core.propose(["b"])
    assert appends_to(solo.work()) == []
    assert values(appends_to(solo.tick(SPARE_US))) == ["b"]


def test_nobody_is_spared_where_all_are_needed() -> None:
    solo = Sparing(size=2)
    solo.spare()
    assert sorted(solo.put("a")) == [2]


def test_who_lacks_much_is_sent_it() -> None:
    solo = Sparing(uncommitted_max=10 * SPARED_ENTRIES_MAX, append_entries_max=10_000)
    solo.spare(2)
    assert sorted(solo.put(*["x"] * (SPARED_ENTRIES_MAX - 1))) == [3]
    assert len(values(solo.put("x", "x").get(2, []))) >= SPARED_ENTRIES_MAX


def test_who_is_probed_is_not_spared() -> None:
    solo = Sparing()
    newest = solo.newest_sequence
    solo.put("a")
    solo.reject(2, (1, 1), peer=2, sequence=newest + 1)
    solo.acknowledge(solo.core.last_index, peer=3)
    assert solo.leader.spared == set()


def test_none_is_spared_where_that_is_not_asked_for() -> None:
    solo = Solo()
    solo.lead()
    for peer in (2, 3):
        solo.acknowledge(solo.core.last_index, peer)
    solo.core.propose(["a"])
    assert len(appends_to(solo.work())) == 2
    assert solo.core.next_deadline <= solo.now + TIMEOUT_US


def test_period_is_no_shorter_than_nothing() -> None:
    with pytest.raises(ValueError, match="spare_us"):
        CoreConfig(1, frozenset({1, 2, 3}), spare_us=-1)
