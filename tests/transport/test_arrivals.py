"""Whether something waits to be read, at real sockets."""

import select
import socket
from contextlib import closing

import pytest

from node.transport.arrivals import Arrivals


@pytest.fixture(params=["epoll", "poll"])
def made(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Arrivals:
    """With what Linux has, and with what other systems have."""
    if request.param == "poll":
        monkeypatch.delattr(select, "epoll", raising=False)
    return Arrivals()


def test_what_was_sent_is_there_until_it_is_read(made: Arrivals) -> None:
    here, there = socket.socketpair()
    with closing(here), closing(there), made.watching(here.fileno()):
        assert not made.are_there()
        there.send(b"x")
        assert made.are_there()
        here.recv(1)
        assert not made.are_there()


def test_one_of_many_is_enough_and_the_end_of_a_connection_counts(made: Arrivals) -> None:
    first, there = socket.socketpair()
    second, gone = socket.socketpair()
    with closing(first), closing(there), closing(second):
        with made.watching(first.fileno()), made.watching(second.fileno()):
            assert not made.are_there()
            gone.close()
            assert made.are_there()
        assert not made.are_there()


def test_connection_that_is_not_watched_any_more_does_not_count(made: Arrivals) -> None:
    here, there = socket.socketpair()
    with closing(here), closing(there):
        with made.watching(here.fileno()):
            pass
        there.send(b"x")
        assert not made.are_there()


def test_connection_that_was_closed_meanwhile_does_no_harm(made: Arrivals) -> None:
    here, there = socket.socketpair()
    with closing(there):
        with made.watching(here.fileno()):
            here.close()
        assert not made.are_there()


def test_stream_without_a_socket_is_never_there(made: Arrivals) -> None:
    with made.watching(-1):
        assert not made.are_there()
