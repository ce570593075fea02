"""Noticing that the other side is gone without a word: its machine, or the network between.

TCP alone is patient. With nothing to send it waits for ever; what is not acknowledged it sends
again at growing intervals for a quarter of an hour, so after a cut of a minute a connection may
stand still for most of another one. So the kernel is told to ask from time to time, and on a link
to a peer to give up soon what nobody acknowledges: the link is then opened anew.
"""

import socket
from contextlib import suppress

import trio

KEEPALIVE_IDLE_SECONDS = 15
KEEPALIVE_INTERVAL_SECONDS = 5
KEEPALIVE_PROBES = 3
UNACKNOWLEDGED_MS_MAX = 3000
"""On a link to a peer, which has something to say all the time. A client may rest longer: one that
does not read acknowledges nothing, and its buffer has a bound of its own.
"""
_KEEPALIVE = (
    ("TCP_KEEPIDLE", KEEPALIVE_IDLE_SECONDS),
    ("TCP_KEEPALIVE", KEEPALIVE_IDLE_SECONDS),  # the name of the same on macOS
    ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_SECONDS),
    ("TCP_KEEPCNT", KEEPALIVE_PROBES),
)


def keep_alive(stream: trio.SocketStream) -> None:
    """End the connection some time after the other side fell silent."""
    with suppress(OSError):  # it is gone already, as whoever reads from it finds
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            _set(stream, name, value)


def give_up_soon(stream: trio.SocketStream) -> None:
    """End the connection when what was sent is not acknowledged in time, where a system can."""
    with suppress(OSError):
        _set(stream, "TCP_USER_TIMEOUT", UNACKNOWLEDGED_MS_MAX)


def _set(stream: trio.SocketStream, name: str, value: int) -> None:
    option = getattr(socket, name, None)
    if option is not None:
        stream.setsockopt(socket.IPPROTO_TCP, option, value)
