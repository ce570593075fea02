"""What a replica tells of itself: whom a leader is in touch with, and how its timer runs."""

from node.replica.describing import replica_document
from tests.replica.driven import Driven

TIMEOUT_US = 150_000


def test_leader_is_in_touch_with_who_answered_within_an_election_timeout() -> None:
    driven = Driven(size=3).lead_of_three()
    assert replica_document(driven.replica, driven.now)["in_touch"] == [1]
    driven.acknowledge()
    heard_at = driven.now
    in_time = replica_document(driven.replica, heard_at + TIMEOUT_US - 1)
    assert in_time["in_touch"] == [1, 2]
    assert replica_document(driven.replica, heard_at + TIMEOUT_US)["in_touch"] == [1]


def test_follower_tells_how_much_of_its_election_timeout_is_left() -> None:
    driven = Driven(size=3)
    whole = replica_document(driven.replica, 0)
    assert 150 <= whole["election_timeout_ms"] < 300
    assert whole["election_in_ms"] == whole["election_timeout_ms"]
    later = replica_document(driven.replica, 100_000)
    assert later["election_in_ms"] == whole["election_in_ms"] - 100
    assert later["election_timeout_ms"] == whole["election_timeout_ms"]
    assert later["in_touch"] == []
