"""A link to a peer: what it holds back, and a peer that is not there."""

import random
import time
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.lowlevel
import trio.testing

from node.config import NodeAddress
from node.faults import LinkPolicy, LinkRule
from node.raft.messages import AppendEntries, LogEntry, TimeoutNow
from node.transport import peers
from node.transport.contacts import Contacts
from node.transport.opening import Identity
from node.transport.peers import PeerLink
from node.wire.codec import decode
from node.wire.framing import FrameReader
from tests.transport.pairs import channel_and_other_end

IDENTITY = Identity("demo", b"t" * 32, 1, 7, frozenset({2}), 1 << 20)


def link_to(host: str, policy: LinkPolicy) -> PeerLink:
    address, contacts = NodeAddress(2, host, 1), Contacts(lambda peer_id: None, lambda: None)
    return PeerLink(address, IDENTITY, policy, contacts, random.Random(1))


def slowed(latency_ms: float, *, rate_bytes_s: int = 0) -> LinkPolicy:
    policy = LinkPolicy(random.Random(1))
    policy.replace([LinkRule(1, 1, 2, latency_ms=latency_ms, rate_bytes_s=rate_bytes_s)])
    return policy


def connected(
    scenario: Callable[[PeerLink, LinkPolicy, trio.SocketStream], Awaitable[None]],
) -> None:
    """A link whose connection is open, with a latency of ten seconds."""

    async def main() -> None:
        policy = slowed(10_000)
        link = link_to("127.0.0.1", policy)
        with trio.fail_after(20):
            async with (
                channel_and_other_end(1 << 20, 1 << 22) as (channel, other),
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(link._use, channel)
                nursery.start_soon(link._release_delayed)
                await trio.testing.wait_all_tasks_blocked()
                await scenario(link, policy, other)
                nursery.cancel_scope.cancel()

    trio.run(main)


async def next_message(stream: trio.SocketStream) -> object:
    (payload,) = FrameReader(1 << 20).feed(await stream.receive_some())
    return decode(payload)


def test_messages_of_a_delay_that_is_over_do_not_come_later() -> None:
    async def scenario(link: PeerLink, policy: LinkPolicy, other: trio.SocketStream) -> None:
        link.send_nowait(TimeoutNow(1, 1))
        policy.replace([LinkRule(1, 1, 2, latency_ms=1)])
        link.rules_changed()
        assert not link._delayed
        link.send_nowait(TimeoutNow(2, 1))
        assert await next_message(other) == TimeoutNow(2, 1)

    connected(scenario)


def test_delayed_messages_are_bounded_in_bytes() -> None:
    async def scenario(link: PeerLink, policy: LinkPolicy, other: trio.SocketStream) -> None:
        large = AppendEntries(1, 1, 0, 0, [LogEntry(1, bytes(1_000_000))], 0, 1)
        for _ in range(40):
            link.send_nowait(large)
        held = sum(len(data) for _, _, data in link._delayed)
        assert peers.DELAYED_BYTES_MAX - 2_000_000 < held <= peers.DELAYED_BYTES_MAX
        link.rules_changed()
        link.send_nowait(large)
        assert len(link._delayed) == 1, "what was dropped does not count"

    connected(scenario)


def test_message_that_would_wait_longer_than_a_minute_is_dropped() -> None:
    async def scenario(link: PeerLink, policy: LinkPolicy, other: trio.SocketStream) -> None:
        policy.replace([LinkRule(1, 1, 2, rate_bytes_s=1)])
        for _ in range(100):
            link.send_nowait(TimeoutNow(1, 1))
        latest = time.monotonic_ns() // 1000 + peers.DELAY_US_MAX
        assert link._delayed
        assert all(at <= latest for at, _, _ in link._delayed)

    connected(scenario)


@pytest.mark.parametrize("host", ["a..b", "x" * 300, "", "no such host", "nosuch.invalid"])
def test_host_that_cannot_be_is_an_error_of_its_link_alone(host: str) -> None:
    async def main() -> None:
        link = link_to(host, LinkPolicy(random.Random(1)))
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(link.run)
                while link.last_error is None:
                    await trio.lowlevel.checkpoint()
                assert len(link.last_error) <= peers.ERROR_TEXT_MAX
                nursery.cancel_scope.cancel()

    trio.run(main)
