"""One side of a connection, and a reader that the test holds still."""

import socket
import struct
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from node.transport import channel as channels
from node.transport.channel import Channel, FrameTooLargeError
from node.wire.codec import decode
from node.wire.framing import FrameReader, frame
from node.wire.messages import Answer, GetStatus, Goodbye, WireMessage
from tests.transport.pairs import channel_and_other_end

FRAME_MAX = 1 << 20
BUFFER_MAX = 4 << 20
LARGE = Answer(1, 1, bytes(1000_000))


def run(scenario: Callable[[Channel, trio.SocketStream], Awaitable[None]]) -> None:
    """`scenario` gets a channel and the other end of its connection."""

    async def main() -> None:
        with trio.fail_after(20):
            async with channel_and_other_end(FRAME_MAX, BUFFER_MAX) as (channel, other):
                await scenario(channel, other)

    trio.run(main)


async def everything_from(stream: trio.SocketStream) -> list[object]:
    reader = FrameReader(FRAME_MAX)
    found: list[object] = []
    while data := await stream.receive_some():
        found += [decode(payload) for payload in reader.feed(data)]
    return found


def test_goodbye_of_a_channel_that_is_sending_leaves_after_what_was_queued() -> None:
    async def scenario(channel: Channel, other: trio.SocketStream) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.write)
            channel.send_nowait(LARGE)
            await trio.testing.wait_all_tasks_blocked()  # in send_all
            channel.send_nowait(GetStatus(2))
            channel.end_nowait(Goodbye("bad_frame", "because"))
            channel.send_nowait(GetStatus(3))  # too late
            nursery.start_soon(end_when_read, channel, other)

    async def end_when_read(channel: Channel, other: trio.SocketStream) -> None:
        reader = FrameReader(FRAME_MAX)
        found: list[object] = []
        while len(found) < 3:
            found += [decode(payload) for payload in reader.feed(await other.receive_some())]
        assert found == [LARGE, GetStatus(2), Goodbye("bad_frame", "because")]

    run(scenario)


def test_end_of_a_channel_whose_other_side_does_not_read_has_a_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channels, "END_SECONDS_MAX", 0.05)

    async def scenario(channel: Channel, other: trio.SocketStream) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.write)
            channel.send_nowait(LARGE)
            await trio.testing.wait_all_tasks_blocked()
            channel.end_nowait(Goodbye("bad_frame", "because"))

    run(scenario)


def test_writer_returns_from_a_blocked_send_when_its_channel_is_overrun() -> None:
    async def scenario(channel: Channel, other: trio.SocketStream) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.write)
            channel.send_nowait(LARGE)
            await trio.testing.wait_all_tasks_blocked()
            for _ in range(5):
                channel.send_nowait(LARGE)
        assert channel.is_overrun

    run(scenario)


def test_bytes_under_way_count_as_waiting() -> None:
    async def scenario(channel: Channel, other: trio.SocketStream) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.write)
            for _ in range(3):
                channel.send_nowait(LARGE)
            await trio.testing.wait_all_tasks_blocked()  # all three are taken from the buffer
            assert not channel.is_overrun
            channel.send_nowait(LARGE)
            assert not channel.is_overrun
            channel.send_nowait(LARGE)
            assert channel.is_overrun

    run(scenario)


def test_nothing_is_encoded_for_a_channel_that_is_closed_or_overrun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(channel: Channel, other: trio.SocketStream) -> None:
        for _ in range(5):
            channel.send_nowait(LARGE)
        assert channel.is_overrun
        monkeypatch.setattr(channels, "encode", None)
        channel.send_nowait(LARGE)
        await channel.aclose()
        channel.send_nowait(LARGE)

    run(scenario)


def test_message_over_the_receivers_limit_is_not_queued() -> None:
    async def scenario(channel: Channel, other: trio.SocketStream) -> None:
        with pytest.raises(FrameTooLargeError, match="the limit is 1048576"):
            channel.send_nowait(Answer(1, 1, bytes(FRAME_MAX)))
        channel.send_nowait(GetStatus(1))
        channel.end_nowait()
        await channel.write()
        await channel.aclose()
        assert await everything_from(other) == [GetStatus(1)]

    run(scenario)


def test_frame_leaves_at_once_where_the_kernel_takes_it() -> None:
    async def scenario(channel: Channel, other: trio.SocketStream) -> None:
        channel.send_nowait(GetStatus(1))  # and no writer runs
        assert channel.buffered_bytes == 0
        assert decode((FrameReader(FRAME_MAX).feed(await other.receive_some()))[0]) == GetStatus(1)

    run(scenario)


def test_frames_keep_their_order_whether_the_kernel_takes_them_or_the_writer() -> None:
    async def scenario(channel: Channel, other: trio.SocketStream) -> None:
        sent: list[WireMessage] = [GetStatus(1), LARGE, GetStatus(2), LARGE, GetStatus(3)]
        found: list[object] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.write)
            for message in sent:
                channel.send_nowait(message)
            reader = FrameReader(FRAME_MAX)
            while len(found) < len(sent):
                found += [decode(payload) for payload in reader.feed(await other.receive_some())]
            nursery.cancel_scope.cancel()
        assert found == sent

    run(scenario)


def test_what_belongs_together_is_sent_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[int] = []
    sent_now = Channel._sent_now

    def counted(channel: Channel, data: bytes) -> int:
        pieces.append(len(FrameReader(FRAME_MAX).feed(data)))
        return sent_now(channel, data)

    monkeypatch.setattr(Channel, "_sent_now", counted)

    async def scenario(channel: Channel, other: trio.SocketStream) -> None:
        with channel.in_one_piece():
            for number in range(10):
                channel.send_nowait(GetStatus(number))
            assert pieces == []
        assert pieces == [10]
        with channel.in_one_piece():
            pass
        assert channel.buffered_bytes == 0
        assert len(FrameReader(FRAME_MAX).feed(await other.receive_some())) == 10

    run(scenario)


def test_connection_that_breaks_while_it_is_read_says_so() -> None:
    async def scenario(channel: Channel, other: trio.SocketStream) -> None:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.aclose_forcefully, other)  # with a reset
            with pytest.raises(trio.BrokenResourceError):
                await channel.receive()

    run(scenario)


def test_channel_that_is_closed_while_it_is_read_says_so() -> None:
    async def scenario(channel: Channel, other: trio.SocketStream) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.aclose)
            with pytest.raises(trio.ClosedResourceError):
                await channel.receive()
        with pytest.raises(trio.ClosedResourceError):
            await channel.receive()

    run(scenario)


@pytest.mark.parametrize("is_reused", [True, False])
def test_number_of_a_closed_connection_may_be_that_of_another(is_reused: bool) -> None:
    """It is closed when it has something, and before its reader has its turn."""
    found: list[object] = []

    async def read(channel: Channel) -> None:
        try:
            found.append(await channel.receive())
        except trio.ClosedResourceError:
            found.append("closed")

    async def scenario() -> None:
        here, there = trio.socket.socketpair()
        channel = Channel(trio.SocketStream(here), FRAME_MAX, BUFFER_MAX)
        others: list[socket.socket] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, channel)
            await trio.testing.wait_all_tasks_blocked()
            await there.send(frame(b"x"))
            await trio.lowlevel.checkpoint()
            here.close()
            if is_reused:
                others += socket.socketpair()
                others[1].send(frame(b"other"))
        there.close()
        for each in others:
            each.close()

    for _ in range(40):
        trio.run(scenario)
    assert set(map(str, found)) <= {"closed", "[b'x']"}
