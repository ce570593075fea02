"""Accepting connections: an introduction with a deadline, then a session, each in bounded numbers.

Who has not said Hello yet, clients, operators and peers are counted apart, so that none of them can
lock out the others. Of those without a Hello the oldest has to go when there are too many: an
honest one is through in a few milliseconds, whoever holds connections open is not.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio

from node.transport.channel import Channel
from node.transport.opening import (
    BUFFER_BYTES_MAX,
    HELLO_BYTES_MAX,
    HELLO_SECONDS_MAX,
    Admit,
    Identity,
    accept,
)
from node.transport.silence import keep_alive
from node.wire.handshake import HandshakeError
from node.wire.messages import Goodbye, Hello, Role

STRANGERS_MAX = 128
CLIENTS_MAX = 512
OPERATORS_MAX = 256
PEER_CONNECTIONS_MAX = 256

_GROUPS: dict[Role, tuple[str, int]] = {
    "client": ("clients", CLIENTS_MAX),
    "admin": ("operators", OPERATORS_MAX),
    "observer": ("operators", OPERATORS_MAX),
    "peer": ("peers", PEER_CONNECTIONS_MAX),
}

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
        self._strangers: dict[trio.CancelScope, None] = {}  # the oldest first
        self._open: Counter[str] = Counter()

    async def run(self, listeners: list[trio.SocketListener]) -> None:
        """Accept for ever. No connection, whatever it does, ends this."""
        await trio.serve_listeners(self.handle, listeners)

    async def handle(self, stream: trio.SocketStream) -> None:
        """One connection, from its first byte to its end."""
        keep_alive(stream)
        channel = Channel(stream, HELLO_BYTES_MAX, BUFFER_BYTES_MAX)
        entered: list[str] = []

        def admit(hello: Hello) -> Goodbye | None:
            group, most = _GROUPS[hello.role]
            if self._open[group] >= most:
                return Goodbye("too_many", f"there are {most} connections of {group} already")
            self._open[group] += 1
            entered.append(group)
            return None

        try:
            hello = await self._introduce(channel, admit)
            if hello is not None:
                await self._serve(channel, hello)
        finally:
            self._open.subtract(entered)
            await channel.aclose()

    async def _introduce(self, channel: Channel, admit: Admit) -> Hello | None:
        name = channel.peer_name
        if len(self._strangers) >= STRANGERS_MAX:
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            oldest.cancel()
        hello = error = None
        with trio.move_on_after(HELLO_SECONDS_MAX) as scope:
            self._strangers[scope] = None
            try:
                hello = await accept(channel, self._identity, admit, self._last_applied)
            except HandshakeError as caught:
                error = caught
                await self._say_goodbye(channel, name, error)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass
            finally:
                self._strangers.pop(scope, None)
        if scope.cancelled_caught and error is None:
            if trio.current_time() >= scope.deadline:
                self._refuse(name, "slow_hello", f"no Hello within {HELLO_SECONDS_MAX:.0f} s")
            else:
                self._refuse(name, "too_many", f"{STRANGERS_MAX} connections without a Hello")
        return hello

    async def _say_goodbye(self, channel: Channel, name: str, error: HandshakeError) -> None:
        if error.code == "gone":  # who looks whether a port is open is not an event
            return
        self._refuse(name, error.code, error.reason)
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            channel.end_nowait(Goodbye(error.code, error.reason))
            await channel.write()
            await channel.linger()
