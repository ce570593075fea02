"""A peer is lost when the last of the connections with it ends, and not before."""

import pytest

from node.transport.contacts import Contacts


def test_peer_is_lost_with_its_last_connection() -> None:
    lost: list[int] = []
    contacts = Contacts(lost.append, lambda: None)
    with contacts.connection(2), contacts.connection(3):
        with contacts.connection(2):
            pass
        assert lost == [], "another one stands"
    assert sorted(lost) == [2, 3]


def test_peer_is_lost_each_time() -> None:
    lost: list[int] = []
    contacts = Contacts(lost.append, lambda: None)
    for _ in range(2):
        with contacts.connection(2):
            pass
    assert lost == [2, 2]


def test_connection_that_ends_in_an_error_counts_no_longer() -> None:
    lost: list[int] = []
    contacts = Contacts(lost.append, lambda: None)
    with pytest.raises(OSError, match="reset"), contacts.connection(2):
        raise OSError("reset")
    assert lost == [2]


def test_each_connection_that_begins_is_told() -> None:
    met: list[str] = []
    contacts = Contacts(lambda peer_id: None, lambda: met.append("met"))
    with contacts.connection(2), contacts.connection(2):
        assert met == ["met", "met"]
    assert met == ["met", "met"]
