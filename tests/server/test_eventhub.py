"""The hub: what it keeps, whom it tells, in which order, and what slow viewers get."""

from typing import Any

import pytest

from node.raft.events import Event, LeaderChanged, LeaderElected, RoleChanged, TransferEnded
from node.server import eventhub
from node.server.eventhub import HISTORY_MAX, EventHub, Sealed
from node.wire.codec import decode, with_id
from node.wire.messages import Bulk, Changed, Frame, Gap, Happened, Keyframe

BOOT = 7


class Viewer:
    """Somebody who follows, and may have no room."""

    def __init__(self, hub: EventHub, **how: Any) -> None:
        self.frames: list[Frame] = []
        self.room = how.pop("room", 1_000_000)
        hub.subscribe(self, self._take, has_room=lambda: len(self.frames) < self.room, **how)

    def _take(self, sealed: Sealed) -> None:
        frame = decode(with_id(sealed.payload, 300))
        assert isinstance(frame, Keyframe | Changed | Happened | Bulk | Gap)
        assert (frame.id, frame.boot, frame.seq) == (300, BOOT, sealed.seq)
        self.frames.append(frame)

    @property
    def shown(self) -> list[Any]:
        """Of events their number, of other frames what they are."""
        return [
            frame.data["number"] if isinstance(frame, Happened) else type(frame).__name__
            for frame in self.frames
        ]


@pytest.fixture
def hub() -> EventHub:
    hub = EventHub(BOOT)
    hub.describe = lambda: {"term": 3}
    return hub


def publish(hub: EventHub, *which: int) -> None:
    for number in which:
        hub.publish("fault", 3, number=number)


def test_every_viewer_gets_the_status_and_then_every_frame_once_and_in_order(hub: EventHub) -> None:
    viewers = [Viewer(hub) for _ in range(3)]
    publish(hub, 1)
    hub.publish_changed({"term": 4}, is_news=True)
    hub.publish_bulk(1, 2, 100, [{"index": 2}])
    for viewer in viewers:
        assert viewer.shown == ["Keyframe", 1, "Changed", "Bulk"]
        assert [frame.seq for frame in viewer.frames] == [0, 1, 2, 3]
    first = viewers[0].frames[0]
    assert isinstance(first, Keyframe)
    assert first.status == {"term": 3}


def test_history_comes_first_and_without_the_rest(hub: EventHub) -> None:
    publish(hub, 1)
    hub.publish_changed({}, is_news=False)
    publish(hub, 2)
    everything, later = Viewer(hub, history=True), Viewer(hub)
    publish(hub, 3)
    assert everything.shown == [1, 2, "Keyframe", 3]
    assert later.shown == ["Keyframe", 3]
    assert [frame.seq for frame in everything.frames] == [1, 3, 3, 4]
    assert hub.last is not None
    assert hub.last.data == {"number": 3}


def test_history_keeps_the_last_events_alone(hub: EventHub) -> None:
    publish(hub, *range(HISTORY_MAX + 10))
    viewer = Viewer(hub, history=True)
    assert viewer.shown == [*range(10, HISTORY_MAX + 10), "Keyframe"]
    assert viewer.frames[0].seq == 11, "whoever comes late sees that it has missed some"


def test_who_unsubscribed_hears_nothing_and_the_others_go_on(hub: EventHub) -> None:
    gone, there = Viewer(hub), Viewer(hub)
    publish(hub, 1)
    hub.unsubscribe(gone)
    hub.unsubscribe("never was there")
    publish(hub, 2)
    assert (gone.shown, there.shown) == (["Keyframe", 1], ["Keyframe", 1, 2])


def test_one_key_is_one_subscription(hub: EventHub) -> None:
    first: list[Sealed] = []
    second: list[Sealed] = []
    hub.subscribe("key", first.append)
    hub.subscribe("key", second.append)
    publish(hub, 1)
    assert (len(first), len(second)) == (1, 2)


def test_viewer_that_was_cut_off_goes_on_where_it_was(hub: EventHub) -> None:
    publish(hub, *range(1, 11))
    assert Viewer(hub, behind=(BOOT, 7), history=True).shown == [8, 9, 10]
    assert Viewer(hub, behind=(BOOT, 0)).shown == list(range(1, 11))
    up_to_date = Viewer(hub, behind=(BOOT, 10))
    publish(hub, 11)
    assert up_to_date.shown == [11]


@pytest.mark.parametrize(
    ("behind", "first", "why"),
    [
        ((BOOT, 3), 4, "they are no longer kept"),
        ((BOOT + 1, 3), 1, "the node was started anew"),
        ((BOOT, 10_000), 1, "the node was started anew"),
    ],
)
def test_what_is_lost_is_told_as_a_gap_and_the_status_follows(
    hub: EventHub,
    monkeypatch: pytest.MonkeyPatch,
    behind: tuple[int, int],
    first: int,
    why: str,
) -> None:
    monkeypatch.setattr(eventhub, "RING_BYTES_MAX", 200)
    publish(hub, *range(1, 101))
    viewer = Viewer(hub, behind=behind)
    publish(hub, 101)
    assert viewer.shown == ["Gap", "Keyframe", 101]
    gap = viewer.frames[0]
    assert isinstance(gap, Gap)
    assert (gap.first, gap.last, gap.why) == (first, 100, why)
    assert [frame.seq for frame in viewer.frames] == [100, 100, 101]


def test_slow_viewer_goes_on_from_the_ring_when_it_has_room_again(hub: EventHub) -> None:
    slow, quick = Viewer(hub, room=3), Viewer(hub)
    publish(hub, *range(1, 11))
    assert slow.shown == ["Keyframe", 1, 2]
    assert len(quick.frames) == 11
    slow.room = 6
    publish(hub, 11)
    assert slow.shown == ["Keyframe", 1, 2, 3, 4, 5]
    slow.room = 100
    publish(hub, 12)
    assert slow.shown == quick.shown


def test_viewer_that_is_too_slow_is_told_and_gets_all_events_yet(
    hub: EventHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eventhub, "RING_BYTES_MAX", 1000)
    slow = Viewer(hub, room=2)
    publish(hub, 1, 2)
    for _ in range(200):
        hub.publish_changed({"last_index": 7}, is_news=True)
    assert slow.shown == ["Keyframe", 1]
    slow.room = 100
    publish(hub, 3)
    assert slow.shown == ["Keyframe", 1, "Gap", 2, 3, "Keyframe"]
    gap = slow.frames[2]
    assert isinstance(gap, Gap)
    assert (gap.first, gap.last) == (2, 203)
    publish(hub, 4)
    assert slow.shown[-1] == 4


def test_ring_is_bounded_in_bytes(hub: EventHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventhub, "RING_BYTES_MAX", 5000)
    for size in range(300):
        hub.publish_changed({"text": "x" * size}, is_news=True)
        assert hub._ring_bytes == sum(len(sealed.payload) for sealed in hub._ring) <= 5000
    assert [sealed.seq for sealed in hub._ring] == list(range(hub._ring[0].seq, 301))


def test_text_that_is_no_utf_8_goes_out_as_one_that_is(hub: EventHub) -> None:
    viewer = Viewer(hub)
    hub.publish("disk", 1, why="/home/\udce9", number=1)
    happened = viewer.frames[-1]
    assert isinstance(happened, Happened)
    assert happened.data["why"] == "/home/?"


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
