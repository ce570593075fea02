"""A watch over links that the test scripts: it goes on where the last one broke."""

from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from node.client import blocking
from node.client.address import ClusterAddress
from node.client.blocking import FRUITLESS_MAX, Client
from node.client.errors import NoLeaderError, RejectedError, UnreachableError
from node.client.link import broken
from node.wire.messages import Changes, Failure, Watch, WireMessage

ADDRESS = ClusterAddress("c1", b"", {1: ("127.0.0.1", 1), 2: ("127.0.0.1", 2)}, 1024)


class ScriptedLink:
    """Gives these messages and then breaks; keeps what it was asked."""

    def __init__(self, node_id: int, *messages: WireMessage) -> None:
        self.node_id = node_id
        self._messages = list(messages)
        self.asked: Watch | None = None
        self.is_closed = False

    def new_id(self) -> int:
        return 1

    def send(self, message: Watch) -> None:
        self.asked = message

    def next_message(self, until: float | None) -> WireMessage:
        if not self._messages:
            raise broken(self.node_id)
        return self._messages.pop(0)

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Gives these links, one for each connection, and then nobody leads."""

    def patch(*links: ScriptedLink) -> None:
        left = list(links)

        def link_to_leader(address: ClusterAddress, first: object, timeout: float) -> Any:
            if not left:
                raise NoLeaderError("no_leader", "n1: no leader is known here")
            return left.pop(0)

        monkeypatch.setattr(blocking, "link_to_leader", link_to_leader)

    return patch


def test_watch_goes_on_at_the_next_leader_after_what_it_saw(connect: Any) -> None:
    first = ScriptedLink(1, Changes(1, 4, []), Changes(1, 7, [b"seven"]))
    second = ScriptedLink(2, Changes(1, 9, [b"nine"]))
    connect(first, second)
    moves: list[tuple[str, int, int]] = []
    with Client(ADDRESS) as client:
        seen = client.watch(b"q", 3, lambda *move: moves.append((move[0].code, *move[1:])))
        assert [each.changes for each in islice(seen, 3)] == [[], [b"seven"], [b"nine"]]
        assert client.answered_by == 2
        with pytest.raises(NoLeaderError):
            next(seen)
    assert (first.asked, second.asked) == (Watch(1, b"q", 3), Watch(1, b"q", 7))
    assert moves == [("gone", 2, 7)]
    assert first.is_closed
    assert second.is_closed


def test_watch_never_goes_back_when_the_next_node_lags(connect: Any) -> None:
    third = ScriptedLink(1, Changes(1, 9, []))
    connect(ScriptedLink(1, Changes(1, 9, [])), ScriptedLink(2, Changes(1, 5, [])), third)
    with Client(ADDRESS) as client:
        list(islice(client.watch(b"q"), 3))
    assert third.asked == Watch(1, b"q", 9)


def test_watch_whose_history_is_lost_says_so(connect: Any) -> None:
    connect(ScriptedLink(1, Failure(1, "history_lost", "not kept", "none", None)))
    with Client(ADDRESS) as client, pytest.raises(RejectedError) as caught:
        next(client.watch(b"q", 1))
    assert caught.value.code == "history_lost"


def test_watch_that_breaks_off_before_each_first_answer_ends(connect: Any) -> None:
    connect(*(ScriptedLink(1) for _ in range(FRUITLESS_MAX)))
    with Client(ADDRESS) as client, pytest.raises(UnreachableError):
        next(client.watch(b"q"))
