"""The library over callbacks: what its host may rely on."""

import pickle

import pytest

from node.raft import (
    AppendEntries,
    Config,
    EntryState,
    LogEntry,
    NotLeaderError,
    ProposalDroppedError,
    RemoteProtocolError,
    RequestVote,
    RequestVoteResponse,
    StoppedError,
    TimeoutNow,
)
from tests.raft.hosts import World


def test_entries_reach_every_member_in_the_same_order() -> None:
    world = World()
    leader = world.elect()
    first = leader.raft.append_entry("a")
    assert leader.raft.append_entries(["b", "c"]) == first + 1
    world.run(600)
    assert [host.applied for host in world.hosts] == [["a", "b", "c"]] * 3
    assert {host.raft.current_leader for host in world.hosts} == {leader.id}


def test_no_op_takes_an_index_is_persisted_and_never_applied() -> None:
    world = World()
    leader = world.elect()
    assert leader.log[0] == LogEntry(leader.raft.current_term, None)
    assert leader.raft.append_entry("a") == 2
    assert leader.raft.is_applied(1)
    world.run(600)
    assert leader.applied == ["a"]


def test_members_that_are_told_of_their_leaders_death_wait_for_no_timeout() -> None:
    world = World()
    dead = world.elect()
    world.wires.clear()
    others = [host for host in world.hosts if host is not dead]
    for host in others:
        host.raft.peer_lost(dead.id)
    for _ in range(2):
        for host in others:
            assert host.raft.tick() <= 500
        while world.wires:
            peer_id, rpc = world.wires.pop(0)
            if peer_id != dead.id:
                world.hosts[peer_id].raft.handle_rpc(rpc)
    assert sum(host.raft.is_leader for host in others) == 1


def test_what_is_promised_is_durable_first() -> None:
    world = World()
    voter = world.hosts[0]
    voter.raft.handle_rpc(RequestVote(1, 2, 0, 0))
    assert voter.names == ["persist_current_term", "persist_voted_for", "sync", "make_rpc"]
    voter.calls.clear()
    entries = [LogEntry(1, "a"), LogEntry(1, "b")]
    voter.raft.handle_rpc(AppendEntries(1, 2, 0, 0, entries, 1, 1))
    assert voter.names == ["log_append", "log_append", "sync", "make_rpc", "apply_entry"]
    voter.calls.clear()
    voter.raft.handle_rpc(AppendEntries(2, 1, 1, 1, [LogEntry(2, "c")], 1, 1))
    assert voter.names == [
        "persist_current_term", "persist_voted_for", "log_pop", "log_append", "sync", "make_rpc",
    ]  # fmt: skip
    assert voter.log == [LogEntry(1, "a"), LogEntry(2, "c")]


def test_leader_sends_before_its_own_disk_and_counts_itself_after() -> None:
    world = World()
    leader = world.elect()
    leader.calls.clear()
    leader.raft.append_entry("a")
    assert leader.names == ["make_rpc", "make_rpc", "log_append", "sync"]


def test_error_of_make_rpc_is_a_lost_message() -> None:
    world = World()
    leader = world.elect()
    for host in world.hosts:
        host.fails_in = "make_rpc"
    leader.raft.append_entry("a")
    for host in world.hosts:
        host.fails_in = None
    world.run(1200)
    assert [host.applied for host in world.hosts] == [["a"]] * 3


@pytest.mark.parametrize("name", ["log_append", "apply_entry", "sync"])
def test_error_of_any_other_callback_stops_the_instance(name: str) -> None:
    world = World(size=1)
    host = world.elect()
    host.fails_in = name
    with pytest.raises(OSError, match=name):
        host.raft.append_entry("a")
    host.fails_in = None
    for call in (host.raft.tick, lambda: host.raft.append_entry("b")):
        with pytest.raises(StoppedError):
            call()


def test_error_while_persisting_the_vote_stops_the_instance_before_it_is_sent() -> None:
    voter = World().hosts[0]
    voter.fails_in = "persist_voted_for"
    with pytest.raises(OSError, match="voted_for"):
        voter.raft.handle_rpc(RequestVote(1, 2, 0, 0))
    assert "make_rpc" not in voter.names


def test_impossible_message_is_an_error_and_the_instance_goes_on() -> None:
    world = World()
    leader = world.elect()
    with pytest.raises(RemoteProtocolError):
        leader.raft.handle_rpc(AppendEntries(leader.raft.current_term, 9, 0, 0, [], 0, 1))
    leader.raft.append_entry("a")
    world.run(600)
    assert leader.applied == ["a"]


def test_tick_answers_in_milliseconds_at_most_a_heartbeat_in_any_role() -> None:
    world = World(election_timeout=1000, heartbeat_timeout=100)
    member = world.hosts[0].raft
    assert 0 < member.tick() <= 100, "a follower may come to lead inside handle_rpc"
    member.handle_rpc(AppendEntries(1, 1, 0, 0, [], 0, 1))
    member.handle_rpc(TimeoutNow(1, 1))
    member.handle_rpc(RequestVoteResponse(2, 1, True))
    assert member.is_leader
    assert 0 < member.tick() <= 100


def test_follower_names_the_leader() -> None:
    world = World()
    leader = world.elect()
    follower = next(host for host in world.hosts if host is not leader)
    with pytest.raises(NotLeaderError) as caught:
        follower.raft.append_entry("a")
    assert caught.value.leader == leader.id


def test_uncommitted_entries_are_bounded() -> None:
    world = World(uncommitted_max=3)
    leader = world.elect()
    world.hosts = [leader]
    for number in range(3):
        leader.raft.append_entry(number)
    with pytest.raises(ProposalDroppedError):
        leader.raft.append_entry("one too many")
    with pytest.raises(ValueError, match="no-op"):
        leader.raft.append_entry(None)


def test_entry_of_a_deposed_leader_is_superseded_not_applied() -> None:
    world = World()
    old = world.elect()
    others = [host for host in world.hosts if host is not old]
    index = old.raft.append_entry("lost")
    term = old.raft.current_term
    world.wires.clear()
    all_hosts, world.hosts = world.hosts, others
    world.size = 3
    sender = {host.id: host for host in all_hosts}
    while not any(host.raft.is_leader for host in others):
        world.now += 50
        for host in others:
            host.raft.tick()
        while world.wires:
            peer_id, rpc = world.wires.pop(0)
            if sender[peer_id] in others:
                sender[peer_id].raft.handle_rpc(rpc)
    world.hosts = all_hosts
    world.run(3000)
    assert old.raft.is_applied(index), "the trap: something was applied there"
    assert old.raft.entry_state(index, term) is EntryState.SUPERSEDED
    assert old.applied == []


def test_linearizable_read_and_transfer() -> None:
    world = World()
    leader = world.elect()
    leader.raft.append_entry("a")
    answers: list[bool] = []
    leader.raft.read(answers.append)
    world.run(600)
    assert answers == [True]
    target = next(host for host in world.hosts if host is not leader)
    leader.raft.transfer_leadership(target.id)
    world.run(600)
    assert world.leader is target


def test_restart_from_what_was_saved() -> None:
    world = World(size=1)
    host = world.elect()
    host.raft.append_entries(["a", "b"])
    host.applied.clear()
    host.raft = host.boot(last_applied=2)
    world.elect()
    assert host.applied == ["b"]
    assert host.raft.current_term == 2


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match="one of them"):
        Config(id=0)
    with pytest.raises(ValueError, match="not one of the voters"):
        World(size=3).hosts[0].world.hosts[0].__class__(World(size=1), 7)
    with pytest.raises(ValueError, match="heartbeat"):
        World(heartbeat_timeout=1000, election_timeout=1000)


def test_messages_are_plain_picklable_values() -> None:
    world = World()
    leader = world.elect()
    leader.raft.append_entry({"any": "value"})
    sent = [value for name, value in leader.calls if name == "make_rpc"]
    assert {type(message).__name__ for message in sent} >= {"RequestVote", "AppendEntries"}
    assert pickle.loads(pickle.dumps(sent)) == sent
