"""Accepting connections: a bounded number, an introduction with a deadline, then a session."""

from collections.abc import Awaitable, Callable

import trio

from node.transport.channel import Channel
from node.transport.opening import (
    BUFFER_BYTES_MAX,
    HELLO_BYTES_MAX,
    HELLO_SECONDS_MAX,
    Identity,
    accept,
)
from node.wire.framing import FrameError
from node.wire.handshake import HandshakeError
from node.wire.messages import Hello

CONNECTIONS_MAX = 512

Serve = Callable[[Channel, Hello], Awaitable[None]]
Refuse = Callable[[str, str, str], None]
"""Called with the other side's address, a code and a reason."""


class Listener:
    """Takes connections and hands those that introduced themselves to `serve`."""

    def __init__(
        self, identity: Identity, serve: Serve, refuse: Refuse, last_applied: Callable[[], int]
    ) -> None:
        self._identity = identity
        self._serve = serve
        self._refuse = refuse
        self._last_applied = last_applied
        self._open = 0

    async def run(self, listeners: list[trio.SocketListener]) -> None:
        """Accept for ever. No connection, whatever it does, ends this."""
        await trio.serve_listeners(self._handle, listeners)

    async def _handle(self, stream: trio.SocketStream) -> None:
        channel = Channel(stream, HELLO_BYTES_MAX, BUFFER_BYTES_MAX)
        self._open += 1
        try:
            if self._open > CONNECTIONS_MAX:
                self._refuse(channel.peer_name, "too_many", f"{CONNECTIONS_MAX} connections")
                return
            hello = await self._introduce(channel)
            if hello is not None:
                await self._serve(channel, hello)
        finally:
            self._open -= 1
            await channel.aclose()

    async def _introduce(self, channel: Channel) -> Hello | None:
        name = channel.peer_name
        try:
            with trio.fail_after(HELLO_SECONDS_MAX):
                return await accept(channel, self._identity, self._last_applied())
        except HandshakeError as error:
            if error.code != "gone":  # who looks whether a port is open is not an event
                self._refuse(name, error.code, error.reason)
        except FrameError as error:
            self._refuse(name, "bad_frame", str(error))
        except trio.TooSlowError:
            self._refuse(name, "slow_hello", f"no Hello within {HELLO_SECONDS_MAX:.0f} s")
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        return None
