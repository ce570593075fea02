"""A leader that is told to stop hands over first: the cluster does not wait for its silence."""

import json
import os
import signal
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest
import trio
import trio.testing

from node.client.admin import Admin
from node.client.errors import UnreachableError
from node.server import handover
from node.server.node import Node
from node.wire.messages import Frame, Happened
from tests.measure.commands import Raftctl


def events_until_it_is_gone(raftctl: Raftctl, node: str, pid: int) -> list[Happened]:
    """Follow the node, tell it to stop, and give what happened on it until its end."""
    seen: list[Frame] = []
    with Admin(raftctl.address("demo"), int(node[1:]), role="observer") as observer:
        following = observer.subscribe(history=True)
        seen.append(next(following))
        os.kill(pid, signal.SIGTERM)
        with pytest.raises(UnreachableError, match="broke"):
            seen += following  # keeps what came before the end
    return [frame for frame in seen if isinstance(frame, Happened)]


def campaigns_for_want_of_a_leader(raftctl: Raftctl, nodes: list[str]) -> list[tuple[str, int]]:
    """When an election timeout ended on one of these nodes: its name and the event's number."""
    lines = raftctl.run("events", "--kind", "prevote", "-o", "jsonl").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    return [(event["node"], event["seq"]) for event in events if event["node"] in nodes]


@pytest.mark.e2e
def test_leader_that_stops_is_followed_without_an_election_timeout(raftctl: Raftctl) -> None:
    raftctl.run("up", "-n", "3")
    raftctl.run("put", "a", "1")
    raftctl.run("wait", "converged")
    before = raftctl.document("status")
    old = before["leader"]
    others = [node["id"] for node in before["nodes"] if node["id"] != old]
    (pid,) = (node["pid"] for node in before["nodes"] if node["id"] == old)
    timeouts = campaigns_for_want_of_a_leader(raftctl, others)

    seen = events_until_it_is_gone(raftctl, old, pid)

    transfers = [event.data for event in seen if event.kind == "transfer"]
    assert [data["state"] for data in transfers] == ["started", "done"]
    raftctl.run("wait", "leader")
    after = raftctl.document("status")
    assert after["leader"] == transfers[0]["to"]
    assert after["term"] == before["term"] + 1
    assert campaigns_for_want_of_a_leader(raftctl, others) == timeouts
    assert raftctl.run("get", "a").stdout == "1\n"


def test_successor_that_loses_its_vote_in_the_same_turn_does_not_end_the_node_in_an_error() -> None:
    """The messages that a turn takes in come before what it was asked to do."""
    peer = SimpleNamespace(match_index=3, acked_sequence=1)
    core = SimpleNamespace(
        is_leader=True,
        progress={2: peer},
        configuration=SimpleNamespace(voters={1, 2}),
        transfer_leadership=lambda target, now: pytest.fail("it was handed to nobody's voter"),
    )

    def submit(work: list[Callable[[int], None]]) -> None:
        core.configuration.voters = {1}
        for request in work:
            request(0)

    node = SimpleNamespace(
        driver=SimpleNamespace(replica=SimpleNamespace(core=core), submit=submit),
        links={2: SimpleNamespace(is_connected=True)},
        hub=SimpleNamespace(subscribe=lambda *arguments: None),
    )

    async def hand_over() -> float:
        began = trio.current_time()
        await handover.hand_over(cast(Node, node))
        return trio.current_time() - began

    assert trio.run(hand_over, clock=trio.testing.MockClock(autojump_threshold=0)) == 0
