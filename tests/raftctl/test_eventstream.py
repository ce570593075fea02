"""The feed behind `events -f`, over stand-ins for nodes: who refuses is told once, and why."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from node.wire.messages import Failure, Happened
from raftctl.cluster.directory import Cluster
from raftctl.cluster.eventstream import Feed
from tests.tui.frames import Script, status_of
from tests.tui.stand_in import StandIn, address_of, serving

FAILURE = Failure(1, "too_large", "a frame of 9 bytes; the limit is 8", "none", None)


class OneNode:
    """A cluster whose one process is this one, and always runs."""

    def __init__(self, port: int) -> None:
        self.address = address_of({1: port})
        self.processes = {1: self}

    def refresh(self) -> None:
        """It stays as it is."""

    def find(self) -> int:
        return os.getpid()


@pytest.fixture
def told() -> list[str]:
    return []


@contextmanager
def feeding(node: StandIn, told: list[str]) -> Iterator[Feed]:
    with serving(node):
        feed = Feed(cast(Cluster, cast(Any, OneNode(node.port))), None, told.append)
        try:
            yield feed
        finally:
            feed.close()


def until(feed: Feed, condition: Callable[[], bool]) -> None:
    for _ in range(100):
        feed.connect(2.0)
        feed.receive(0.1)
        if condition():
            return
    raise AssertionError("it never came to that")


def test_node_that_fails_the_subscription_is_told_once_and_is_back_when_it_serves(
    told: list[str],
) -> None:
    node = StandIn(1, [FAILURE])
    with feeding(node, told) as feed:
        until(feed, lambda: len(node.subscriptions) >= 3)
        assert told == [f"n1 sends no events: {FAILURE.message}"]
        node.frames = [*Script(1).happened("vote").keyframe(status_of(1)).frames]
        until(feed, lambda: told[1:] == ["n1 is back"])
        assert [item.frame.kind for item in feed.take() if isinstance(item.frame, Happened)] == [
            "vote"
        ]


def test_node_of_another_version_is_told_once(told: list[str]) -> None:
    node = StandIn(1)
    node.protocol = 9
    with feeding(node, told) as feed:
        for _ in range(3):
            feed.connect(2.0)
        assert len(told) == 1
        assert "version 9" in told[0]
