"""log show, transfer and events: what they read, and what they say when they cannot."""

from typing import Any, cast

import pytest

from node.client.admin import Admin
from raftctl.commands import raft
from raftctl.commands.raft import LOG_PAGE
from tests.measure.commands import Raftctl


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
    _, found = raft._read(cast("Admin", LongLog(3000)), first, last, term)
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
    assert len(log["entries"]) == 50
    assert log["entries"][-1]["preview"] == 'put k17 "v-81"'
    of_term = cluster.document("log", "show", "leader", "--term", str(term))["entries"]
    assert len(of_term) == 62
    assert cluster.run("log", "show", "n1", "--from", "-1", check=False).returncode == 2
    assert cluster.run("log", "show", "n1", "--to", "-1", check=False).returncode == 2
