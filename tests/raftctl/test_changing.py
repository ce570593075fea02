"""Asking for a change of the members: what is put up with, for how long, and what is said then."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from node.client.errors import ClientError
from node.raft.configuration import AddLearner, Change, Configuration, Promote, Remove
from raftctl.cluster import changing
from raftctl.cluster.changing import PATIENCE_SECONDS, change_members
from raftctl.cluster.directory import Cluster
from raftctl.cluster.members import View
from raftctl.errors import CliError

V3 = frozenset({1, 2, 3})
BEFORE = Configuration(V3, frozenset({4}))
AFTER = Configuration(V3 | {4})
PENDING = ClientError("change_pending", "entry 9 has to be committed first")
BEHIND = ClientError("not_caught_up", "4 holds 0 of 9")
LOST = ClientError("leadership_lost", "this node leads no longer", "unknown")


def led(configuration: Configuration, is_committed: bool = True) -> View:
    return View(configuration, 9, 1, is_committed)


NOBODY = View(BEFORE, 9)

Answer = ClientError | None


class Stage:
    """A cluster whose leader is played; time passes by what is done, and not by itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.asked: list[tuple[float, list[Change]]] = []
        self.view: Callable[[], View] = lambda: led(BEFORE)
        self.answer: Callable[[], Answer] = lambda: None
        monkeypatch.setattr(changing, "look", lambda cluster: self.view())
        monkeypatch.setattr(changing, "_ask", self._ask)
        monkeypatch.setattr("raftctl.cluster.changing.time.monotonic", lambda: self.now)
        monkeypatch.setattr("raftctl.cluster.changing.time.sleep", self.passes)

    def passes(self, seconds: float) -> None:
        self.now += seconds

    def _ask(self, _: Cluster, leader: int, changes: Sequence[Change], deadline: float) -> Answer:
        assert (leader, deadline) == (1, 1030.0)
        self.asked.append((self.now - 1000, list(changes)))
        return self.answer()

    def change(self, *changes: Change) -> View:
        return change_members(Cluster("demo", Path("nowhere")), changes, 1030.0)

    def refusal(self, *changes: Change) -> CliError:
        with pytest.raises(CliError) as caught:
            self.change(*changes)
        return caught.value


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


def test_a_refusal_that_may_pass_is_put_up_with_from_the_first_one_on(stage: Stage) -> None:
    """However long a leader was waited for before."""

    def view() -> View:
        return NOBODY if stage.now < 1010 else led(BEFORE if stage.now < 1011 else AFTER)

    stage.view = view
    stage.answer = lambda: PENDING
    assert stage.change(Promote(4)).configuration == AFTER
    assert stage.asked[0][0] >= 10


def test_whatever_comes_between_refusals_begins_the_patience_anew(stage: Stage) -> None:
    other = ClientError("transferring", "leadership is being transferred")
    begin = 1000 + PATIENCE_SECONDS - 0.1
    stage.answer = lambda: other if begin <= stage.now < begin + 0.06 else PENDING
    error = stage.refusal(Promote(4))
    assert error.code == "E_CHANGE_PENDING"
    assert stage.now - begin >= PATIENCE_SECONDS


def test_a_refusal_that_does_not_pass_is_said_after_a_while(stage: Stage) -> None:
    stage.answer = lambda: BEHIND
    error = stage.refusal(Promote(4))
    assert (error.code, error.exit_code, error.outcome) == ("E_NOT_CAUGHT_UP", 6, "none")
    assert PATIENCE_SECONDS <= stage.now - 1000 < PATIENCE_SECONDS + 0.2


def test_a_refusal_says_more_than_that_the_time_is_over(stage: Stage) -> None:
    stage.view = lambda: NOBODY if stage.now < 1029 else led(BEFORE)
    stage.answer = lambda: PENDING
    assert stage.refusal(Promote(4)).code == "E_CHANGE_PENDING"
    assert stage.now < 1031


def test_after_an_attempt_in_doubt_whatever_ends_it_is_of_unknown_outcome(stage: Stage) -> None:
    bad = ClientError("bad_change", "4 is not a learner")
    for last, code in ((PENDING, "E_CHANGE_PENDING"), (bad, "E_MEMBERS"), (LOST, "E_TIMEOUT")):
        stage.now, stage.asked = 1000.0, []
        stage.answer = lambda last=last: last if len(stage.asked) > 1 else LOST  # type: ignore[misc]
        error = stage.refusal(Promote(4))
        assert (error.code, error.outcome) == (code, "unknown"), last.code
    stage.view = lambda: led(BEFORE) if stage.now < 1001 else NOBODY
    stage.now = 1000.0
    error = stage.refusal(Promote(4))
    assert (error.code, error.exit_code, error.outcome) == ("E_NO_LEADER", 5, "unknown")


def test_what_was_in_doubt_is_not_asked_for_again_while_it_is_under_way(stage: Stage) -> None:
    joint = Configuration(V3 | {4}, outgoing=V3)

    def view() -> View:
        if not stage.asked:
            return led(BEFORE)
        return led(joint, is_committed=stage.now > 1003) if stage.now < 1005 else led(AFTER)

    stage.view = view
    stage.answer = lambda: LOST
    assert stage.change(Promote(4)).configuration == AFTER
    assert len(stage.asked) == 1


def test_done_and_then_not_to_be_seen_is_of_unknown_outcome(stage: Stage) -> None:
    stage.view = lambda: NOBODY if stage.asked else led(BEFORE)
    assert stage.refusal(Promote(4)).outcome == "unknown"


def test_what_became_true_by_itself_is_no_refusal(stage: Stage) -> None:
    """A learner that is promoted by the leader, between the look and the request."""
    stage.answer = lambda: ClientError("bad_change", "4 is not a learner")
    stage.view = lambda: led(AFTER if stage.asked else BEFORE)
    assert stage.change(Promote(4)).configuration == AFTER


def test_of_several_changes_those_are_asked_for_that_are_left(stage: Stage) -> None:
    stage.view = lambda: led(Configuration(V3 - {1} | {4}) if stage.asked else AFTER)
    stage.change(Promote(4), Remove(1))
    assert stage.asked == [(0.0, [Remove(1)])]


def test_nothing_is_asked_for_when_the_time_is_over(stage: Stage) -> None:
    stage.now = 1030.0
    error = stage.refusal(AddLearner(5))
    assert (error.code, error.exit_code, error.outcome) == ("E_TIMEOUT", 4, "none")
    assert stage.asked == []
