"""The library over callbacks: how an instance ends, and what it says about entries and reads."""

import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from node.raft import (
    AppendEntries,
    AppendEntriesResponse,
    EntryId,
    EntryState,
    LogEntry,
    NotLeaderError,
    ProposalDroppedError,
    ReadIndexRequest,
    ReadIndexResponse,
    RemoteProtocolError,
    RequestPreVoteResponse,
    RequestVoteResponse,
    StoppedError,
)
from tests.raft.hosts import Host, World


class Cancelled(BaseException):
    """Like trio.Cancelled: no Exception."""


def raising(error: BaseException) -> Callable[..., Any]:
    def callback(*_: object) -> None:
        raise error

    return callback


def lead(host: Host) -> None:
    """Elect `host`, of three, by hand: nothing goes over the wires."""
    host.world.now += 2000
    host.raft.tick()
    term = host.raft.current_term
    host.raft.handle_rpc(RequestPreVoteResponse(term, 1, term + 1, True))
    host.raft.handle_rpc(RequestVoteResponse(term + 1, 1, True))
    assert host.raft.is_leader
    host.calls.clear()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Cancelled()])
@pytest.mark.parametrize("name", ["log_append", "sync", "apply_entry", "make_rpc"])
def test_interrupted_callback_stops_the_instance(name: str, error: BaseException) -> None:
    world = World(size=1 if name == "apply_entry" else 3)
    host = world.elect()
    setattr(host, name, raising(error))
    with pytest.raises(type(error)):
        host.raft.append("a")
    delattr(host, name)
    with pytest.raises(StoppedError) as caught:
        host.raft.append("b")
    assert caught.value.__cause__ is error
    with pytest.raises(StoppedError):
        host.raft.tick()


def test_stopped_instance_neither_leads_nor_names_a_leader() -> None:
    world = World(size=1)
    host = world.elect()
    host.fails_in = "log_append"
    with pytest.raises(OSError, match="log_append"):
        host.raft.append("a")
    assert (host.raft.is_leader, host.raft.current_leader) == (False, None)


def test_stopped_instance_ends_every_read_and_none_twice() -> None:
    world = World()
    leader = world.elect()
    answers: list[tuple[str, bool]] = []
    leader.raft.read(raising(ValueError("of the reader")))
    leader.raft.read(lambda is_confirmed: answers.append(("first", is_confirmed)))
    leader.raft.read(lambda is_confirmed: answers.append(("second", is_confirmed)))
    leader.fails_in = "sync"
    with pytest.raises(OSError, match="sync"):
        leader.raft.append("a")
    assert answers == [("first", False), ("second", False)]


def follower_with_a_confirmed_read(world: World) -> list[list[Any]]:
    """Member 0 holds entries 1 and 2, of which none is committed, and may be read at index 2."""
    member = world.hosts[0].raft
    entries = [LogEntry(1, None), LogEntry(1, "a")]
    member.handle_rpc(AppendEntries(1, 1, 0, 0, entries, 0, 1))
    answers: list[list[Any]] = []
    member.read(lambda is_confirmed: answers.append([is_confirmed, *world.hosts[0].applied]))
    request = world.wires[-1][1]
    assert isinstance(request, ReadIndexRequest)
    member.handle_rpc(ReadIndexResponse(1, 1, request.read_id, 2))
    return answers


def test_read_is_served_only_when_its_index_is_applied() -> None:
    world = World()
    answers = follower_with_a_confirmed_read(world)
    assert answers == [], "confirmed, but the machine is not there yet"
    world.hosts[0].raft.handle_rpc(AppendEntries(1, 1, 2, 1, [], 2, 2))
    assert answers == [[True, "a"]]


def test_read_that_waits_to_be_applied_ends_when_the_instance_stops() -> None:
    world = World()
    answers = follower_with_a_confirmed_read(world)
    world.hosts[0].fails_in = "apply_entry"
    with pytest.raises(OSError, match="apply_entry"):
        world.hosts[0].raft.handle_rpc(AppendEntries(1, 1, 2, 1, [], 2, 2))
    assert answers == [[False]]


def test_append_gives_the_term_of_its_entry_whatever_comes_in_meanwhile() -> None:
    """A transport may deliver at once: while "mine" is sent, the leader of term 2 overwrites it."""
    world = World()
    host = world.hosts[0]
    lead(host)
    host.raft.handle_rpc(AppendEntriesResponse(1, 1, True, 0, 1, match_index=1))
    theirs: list[Any] = [AppendEntries(2, 2, 1, 1, [LogEntry(2, "theirs")], 2, 1)]

    def make_rpc(peer_id: int, rpc: object) -> None:
        while theirs:
            host.raft.handle_rpc(theirs.pop())

    host.make_rpc = make_rpc  # type: ignore[method-assign]
    mine = host.raft.append("mine", "and more")
    assert mine == EntryId(1, 2)
    assert host.raft.current_term == 2
    assert host.applied == ["theirs"]
    for index in (mine.index, mine.index + 1):
        assert host.raft.entry_state(index, mine.term) is EntryState.SUPERSEDED


def test_entry_above_the_applied_ones_is_superseded_once_a_later_term_was_applied() -> None:
    world = World()
    host = world.hosts[0]
    lead(host)
    first = host.raft.append(*"abcd")
    indices = range(first.index, first.index + 4)
    states = [host.raft.entry_state(index, first.term) for index in indices]
    assert states == [EntryState.PENDING] * 4
    host.raft.handle_rpc(AppendEntries(2, 2, 0, 0, [LogEntry(2, None)], 1, 1))
    assert (host.raft.last_applied, host.log) == (1, [LogEntry(2, None)])
    states = [host.raft.entry_state(index, first.term) for index in indices]
    assert states == [EntryState.SUPERSEDED] * 4, "nothing of term 1 follows an entry of term 2"


def test_nothing_is_no_entry() -> None:
    host = World(size=1).elect()
    for call in (host.raft.append, lambda: host.raft.append_entries([])):
        with pytest.raises(ValueError, match="no entry"):
            call()
    assert host.raft.append("a").index == 2


def test_heartbeats_go_on_while_a_long_log_is_applied() -> None:
    """Each entry takes 0.1 ms, all of them 5 s; the others must not miss the leader."""
    world = World()
    host = world.hosts[0]
    host.term, host.log = 1, [LogEntry(1, "x")] * 50_000
    host.raft = host.boot()
    sent_at: list[float] = []

    def apply_entry(entry: object) -> None:
        world.now += 0.1

    def make_rpc(peer_id: int, rpc: object) -> None:
        if isinstance(rpc, AppendEntries) and peer_id == 1:
            sent_at.append(world.now)

    host.apply_entry = apply_entry  # type: ignore[method-assign]
    host.make_rpc = make_rpc  # type: ignore[method-assign]
    lead(host)
    sent_at[:] = [world.now]
    host.raft.handle_rpc(AppendEntriesResponse(2, 1, True, 50_000, 1, match_index=50_001))
    assert host.raft.last_applied == 50_001
    assert host.raft.is_leader, "it could not hear anyone meanwhile, so silence says nothing"
    gaps = [after - before for before, after in pairwise([*sent_at, world.now])]
    assert max(gaps) < 1000, "an election timeout"


def test_term_that_came_with_a_refused_message_is_saved() -> None:
    host = World().hosts[0]
    host.raft.handle_rpc(AppendEntries(1, 1, 0, 0, [LogEntry(1, "a")], 1, 1))
    with pytest.raises(RemoteProtocolError, match="committed"):
        host.raft.handle_rpc(AppendEntries(5, 2, 0, 0, [LogEntry(2, "b")], 0, 1))
    assert (host.raft.current_term, host.term, host.voted_for) == (5, 5, None)
    assert host.log == [LogEntry(1, "a")]


def test_refused_message_that_came_in_during_a_call_neither_ends_it_nor_the_instance() -> None:
    world = World()
    host = world.hosts[0]
    lead(host)
    host.raft.handle_rpc(AppendEntriesResponse(1, 1, True, 0, 1, match_index=1))
    wrong: list[Any] = [AppendEntries(1, 9, 0, 0, [], 0, 1)]

    def make_rpc(peer_id: int, rpc: object) -> None:
        while wrong:
            host.raft.handle_rpc(wrong.pop())

    host.make_rpc = make_rpc  # type: ignore[method-assign]
    assert host.raft.append("a") == EntryId(1, 2)
    assert wrong == []
    host.raft.tick()


@pytest.mark.parametrize("error", [NotLeaderError(3), NotLeaderError(None)])
def test_not_leader_error_survives_pickling(error: NotLeaderError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.leader) == (str(error), error.leader)


def test_proposal_dropped_error_survives_pickling() -> None:
    error = ProposalDroppedError("busy")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.reason) == (str(error), "busy")
