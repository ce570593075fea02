"""log show, transfer and events: what they read, and what they say when they cannot."""

import json
from typing import Any, cast

import pytest

from node.client.admin import Admin
from node.client.errors import ClientError, UnreachableError
from raftctl.commands import log as log_verbs
from raftctl.commands import raft
from raftctl.commands.log import LOG_PAGE
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.schemas import json_schema
from raftctl.statusdocs import Node, Quorum, Status
from tests.measure.commands import Raftctl
from tests.raftctl.schema import violations


class LongLog:
    """A log of which a tenth is of each term; it grows by an entry with each answer."""

    def __init__(self, size: int) -> None:
        self.size = size

    def read_log(self, first: int, last: int, limit: int) -> dict[str, Any]:
        end = min(last or self.size, self.size, first + limit - 1)
        entries = [{"index": n, "term": n * 10 // 3000} for n in range(first, end + 1)]
        seen = {"first_index": 1, "last_index": self.size, "entries": entries}
        self.size += 1
        return seen


def read(first: int, last: int, term: int | None = None) -> list[int]:
    _, found = log_verbs._read(cast("Admin", LongLog(3000)), first, last, term)
    return [each["index"] for each in found]


def test_range_of_the_log_is_read_to_its_end_however_long_it_is() -> None:
    assert read(1, 0) == list(range(1, 3001))
    assert read(7, 6 + 2 * LOG_PAGE) == list(range(7, 7 + 2 * LOG_PAGE))
    assert read(2999, 9999) == [2999, 3000]
    assert read(4000, 0) == []


def test_term_is_looked_for_in_the_whole_log() -> None:
    assert read(1, 0, 2) == list(range(600, 900))


@pytest.fixture(scope="module")
def cluster(raftctl: Raftctl) -> Raftctl:
    raftctl.run("up", "-n", "3")
    raftctl.run("wait", "ready")
    return raftctl


@pytest.mark.e2e
def test_log_show_reads_as_people_write(cluster: Raftctl) -> None:
    cluster.run("bench", "put", "--ops", "60")
    term = cluster.document("status")["term"]
    cluster.run("put", "k17", "v-81")
    log = cluster.document("log", "show", "leader")
    lines = cluster.run("log", "show", "leader", "-o", "jsonl").stdout.splitlines()
    assert [json.loads(each)["index"] for each in lines] == [e["index"] for e in log["entries"]]
    assert violations(json.loads(lines[-1]), json_schema("log-entry")) == []
    assert len(log["entries"]) == 50
    assert log["entries"][-1]["preview"] == 'put k17 "v-81"'
    whole = cluster.document("log", "show", "leader", "--from", "0")["entries"]
    of_term = cluster.document("log", "show", "leader", "--term", str(term))["entries"]
    assert of_term == [entry for entry in whole if entry["term"] == term]
    assert whole[0]["index"] == 1
    assert len(whole) > 60
    assert cluster.run("log", "show", "n1", "--from", "-1", check=False).returncode == 2
    assert cluster.run("log", "show", "n1", "--to", "-1", check=False).returncode == 2


# -- transfer --------------------------------------------------------------------------------------
def status(size: int = 3) -> Status:
    """n1 leads; the followers' logs are of one length."""
    nodes = [
        Node(f"n{n}", f"127.0.0.1:{n}", n, "running", "", "", last_index=7, voting=True)
        for n in range(1, size + 1)
    ]
    return Status("demo", "n1", 1, "ok", Quorum(size, size // 2 + 1), 0, nodes)


def successor(seen: Status, *chosen: int) -> int:
    return raft._successor(seen, "n1", "who", list(chosen) or None)


def refusal(seen: Status, *chosen: int) -> CliError:
    with pytest.raises(CliError) as caught:
        successor(seen, *chosen)
    assert caught.value.hint
    return caught.value


def stop(node: Node) -> None:
    node.proc, node.note, node.remedy = "exited", "killed -9", f"raftctl start {node.id}"
    node.voting = node.last_index = None


def test_nobody_named_is_the_running_follower_with_the_longest_log() -> None:
    seen = status()
    assert successor(seen) == 2
    seen.nodes[2].last_index = 8
    assert successor(seen) == 3
    stop(seen.nodes[2])
    assert successor(seen) == 2
    seen.nodes[1].voting = False
    assert refusal(seen).exit_code == Exit.NOT_RUNNING


def test_node_that_cannot_lead_is_refused_at_once() -> None:
    seen = status()
    assert successor(seen, 3) == 3
    stop(seen.nodes[2])
    dead = refusal(seen, 3)
    assert (dead.code, dead.exit_code) == ("E_NOT_RUNNING", Exit.NOT_RUNNING)
    assert dead.hint == "raftctl start n3"
    seen.nodes[1].voting = False
    assert refusal(seen, 2).exit_code == Exit.PRECONDITION
    assert refusal(seen, 2, 3).exit_code == Exit.USAGE


@pytest.mark.parametrize("chosen", [(), (1,)])
def test_one_node_has_nobody_to_hand_over_to(chosen: tuple[int, ...]) -> None:
    alone = refusal(status(1), *chosen)
    assert alone.exit_code == Exit.PRECONDITION
    assert "nobody to hand over to" in alone.message


@pytest.mark.parametrize(
    ("error", "code", "exit_code", "outcome"),
    [
        (ClientError("timeout", "late", "unknown"), "E_TIMEOUT", Exit.TIMED_OUT, "unknown"),
        (UnreachableError("silent", "silent"), "E_TIMEOUT", Exit.TIMED_OUT, "unknown"),
        (UnreachableError("refused", "no"), "E_UNREACHABLE", Exit.NOT_RUNNING, "none"),
        (ClientError("not_leader", "n2 leads"), "E_NO_LEADER", Exit.NO_QUORUM, "none"),
    ],
)
def test_transfer_that_was_not_done_says_why(
    error: ClientError, code: str, exit_code: Exit, outcome: str
) -> None:
    shown = raft._not_handed_over(1, 2, error)
    assert (shown.code, shown.exit_code, shown.outcome) == (code, exit_code, outcome)
    assert shown.hint


@pytest.mark.e2e
def test_dead_nodes_are_not_led_by_and_not_listened_to(cluster: Raftctl) -> None:
    cluster.run("transfer", "n1")
    cluster.run("kill", "n2")
    dead = cluster.run("transfer", "n2", check=False)
    assert dead.returncode == Exit.NOT_RUNNING
    assert "raftctl start n2" in dead.stderr
    assert cluster.document("transfer")["leader"] == "n3"
    events = cluster.run("events", "--since", "1h")
    assert events.stdout
    assert "n2" in events.stderr
    none = cluster.run("events", "--node", "n2", check=False)
    assert none.returncode == Exit.NOT_RUNNING
    assert "raftctl start n2" in none.stderr
