"""Two ends of one TCP connection, in this process."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import trio

from node.transport.channel import Channel


def tcp_pair(buffer_bytes: int | None = None) -> tuple[trio.SocketStream, trio.SocketStream]:
    """The accepting and the dialling end. `buffer_bytes`: what the kernel keeps, about."""
    with socket.socket() as listener, _closed_on_error(socket.socket()) as dialling:
        if buffer_bytes is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
            dialling.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        dialling.connect(listener.getsockname())
        accepted, _ = listener.accept()
    return _stream(accepted), _stream(dialling)


@contextmanager
def _closed_on_error(sock: socket.socket) -> Iterator[socket.socket]:
    try:
        yield sock
    except BaseException:
        sock.close()
        raise


def _stream(sock: socket.socket) -> trio.SocketStream:
    return trio.SocketStream(trio.socket.from_stdlib_socket(sock))


@asynccontextmanager
async def channel_and_other_end(
    frame_bytes_max: int, buffer_bytes_max: int
) -> AsyncIterator[tuple[Channel, trio.SocketStream]]:
    here, there = tcp_pair(4096)
    channel = Channel(here, frame_bytes_max, buffer_bytes_max)
    try:
        yield channel, there
    finally:
        await channel.aclose()
        await trio.aclose_forcefully(there)
