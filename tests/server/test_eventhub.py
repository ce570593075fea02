"""The hub of events: what it keeps, whom it tells, and in which order."""

import pytest

from node.raft.events import Event, LeaderChanged, LeaderElected, RoleChanged, TransferEnded
from node.server.eventhub import HISTORY_MAX, EventHub
from node.wire.messages import Happened


@pytest.fixture
def hub() -> EventHub:
    return EventHub(boot=7)


def numbers(told: list[Happened]) -> list[int]:
    return [each.data["number"] for each in told]


def publish(hub: EventHub, *which: int) -> None:
    for number in which:
        hub.publish("fault", 3, number=number)


def test_every_subscriber_is_told_of_every_event_once_and_in_order(hub: EventHub) -> None:
    told: tuple[list[Happened], ...] = ([], [], [])
    for key, each in enumerate(told):
        hub.subscribe(key, each.append, history=False)
    publish(hub, 1, 2, 3)
    assert [numbers(each) for each in told] == [[1, 2, 3]] * 3
    assert [each.seq for each in told[0]] == [1, 2, 3]
    assert {(each.boot, each.kind, each.term) for each in told[0]} == {(7, "fault", 3)}


def test_history_comes_first_and_without_a_hole_before_what_follows(hub: EventHub) -> None:
    told: list[Happened] = []
    late: list[Happened] = []
    publish(hub, 1, 2)
    hub.subscribe("all", told.append, history=True)
    hub.subscribe("new", late.append, history=False)
    publish(hub, 3)
    assert numbers(told) == [1, 2, 3]
    assert numbers(late) == [3]
    assert hub.last == told[-1]


def test_history_keeps_the_last_events_alone(hub: EventHub) -> None:
    publish(hub, *range(HISTORY_MAX + 10))
    told: list[Happened] = []
    hub.subscribe("late", told.append, history=True)
    assert numbers(told) == list(range(10, HISTORY_MAX + 10))
    assert told[0].seq == 11, "whoever comes late sees that it has missed some"


def test_who_unsubscribed_hears_nothing_and_the_others_go_on(hub: EventHub) -> None:
    gone: list[Happened] = []
    there: list[Happened] = []
    hub.subscribe("gone", gone.append, history=False)
    hub.subscribe("there", there.append, history=False)
    publish(hub, 1)
    hub.unsubscribe("gone")
    hub.unsubscribe("never was there")
    publish(hub, 2)
    assert (numbers(gone), numbers(there)) == ([1], [1, 2])


def test_one_key_is_one_subscription(hub: EventHub) -> None:
    first: list[Happened] = []
    second: list[Happened] = []
    hub.subscribe("key", first.append, history=False)
    hub.subscribe("key", second.append, history=False)
    publish(hub, 1)
    assert (numbers(first), numbers(second)) == ([], [1])


@pytest.mark.parametrize(
    ("event", "kind", "data"),
    [
        (LeaderElected(2, (1, 3), 1500), "leader", {"votes": "n1,n3", "took_ms": 1.5}),
        (LeaderChanged(2, None), "leaderless", {}),
        (LeaderChanged(2, 3), "follow", {"leader": "n3"}),
        (RoleChanged(2, "candidate", "because"), "election", {"why": "because"}),
        (TransferEnded(2, 3, True), "transfer", {"to": "n3", "state": "done"}),
        (TransferEnded(2, 3, False), "transfer", {"to": "n3", "state": "given up"}),
    ],
)
def test_what_the_core_reports_is_told_in_the_words_of_operators(
    hub: EventHub, event: Event, kind: str, data: dict[str, object]
) -> None:
    hub.publish_raft(event)
    assert hub.last is not None
    assert (hub.last.kind, hub.last.term, hub.last.data) == (kind, 2, data)


def test_new_leader_is_one_event_and_not_two(hub: EventHub) -> None:
    hub.publish_raft(RoleChanged(2, "leader", "won"))
    assert hub.last is None
