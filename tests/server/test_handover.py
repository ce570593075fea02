"""A leader that is told to stop hands over first: the cluster does not wait for its silence."""

import json
import os
import signal

import pytest

from node.client.admin import Admin
from node.client.errors import UnreachableError
from node.wire.messages import Happened
from tests.measure.commands import Raftctl

pytestmark = pytest.mark.e2e


def events_until_it_is_gone(raftctl: Raftctl, node: str, pid: int) -> list[Happened]:
    """Follow the node, tell it to stop, and give what happened on it until its end."""
    seen: list[Happened] = []
    with Admin(raftctl.address("demo"), int(node[1:]), role="observer") as observer:
        following = observer.subscribe(history=True)
        seen.append(next(following))
        os.kill(pid, signal.SIGTERM)
        with pytest.raises(UnreachableError, match="broke"):
            seen += following  # keeps what came before the end
    return seen


def campaigns_for_want_of_a_leader(raftctl: Raftctl, nodes: list[str]) -> list[tuple[str, int]]:
    """When an election timeout ended on one of these nodes: its name and the event's number."""
    lines = raftctl.run("events", "--kind", "prevote", "-o", "jsonl").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    return [(event["node"], event["seq"]) for event in events if event["node"] in nodes]


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
