"""put, get, scan, watch and the rest: what they ask and what they show, without a cluster."""

from typing import Any, cast

import pytest

from node.client.blocking import Client
from node.machines import kv
from node.machines.kv import SCAN_MAX, KvMachine
from node.wire.messages import Answer
from raftctl.commands import data
from raftctl.output import table


class OneMachine:
    """A client of a machine in this process; counts what it was asked."""

    def __init__(self) -> None:
        self.machine = KvMachine()
        self.asked = 0
        self.answered_by = 2

    def read(self, query: bytes) -> Answer:
        self.asked += 1
        return Answer(1, 1, self.machine.query(query))


def keys_of(items: list[Any]) -> list[str]:
    return [item.key for item in items]


@pytest.mark.parametrize("wanted", [1, 1001, SCAN_MAX + 7, SCAN_MAX * 2])
def test_scan_gives_all_that_was_asked_for_however_many_answers_it_takes(wanted: int) -> None:
    client = OneMachine()
    for number in range(SCAN_MAX + 9):
        client.machine.apply(kv.put(f"{number:06}", b""), number + 1)
    items = data._scan(cast("Client", client), "", wanted, SCAN_MAX)
    assert keys_of(items) == [f"{number:06}" for number in range(min(wanted, SCAN_MAX + 9))]


def test_scan_of_values_that_no_frame_holds_together_is_paged() -> None:
    client = OneMachine()
    for number in range(12):
        client.machine.apply(kv.put(f"{number:02}", b"x" * 1024 * 1024), number + 1)
    items = data._scan(cast("Client", client), "", 100, SCAN_MAX)
    assert (len(items), client.asked) == (12, 13)


def test_scan_of_a_cluster_with_small_frames_asks_for_few_at_once() -> None:
    client = OneMachine()
    for number in range(5):
        client.machine.apply(kv.put(f"{number:02}", b"x"), number + 1)
    assert len(data._scan(cast("Client", client), "", 100, 2)) == 5
    assert client.asked == 4


def test_table_shows_an_empty_value_as_empty_and_escapes_what_moves_the_cursor() -> None:
    rows = [("a", "", 1), ("b\x1b[2J", "two\nlines\u202e", 2)]
    lines = table(("KEY", "VALUE", "INDEX"), rows)
    assert lines[1].split() == ["a", "1"]
    assert lines[2].split() == ["b\\x1b[2J", "two\\nlines\\u202e", "2"]
