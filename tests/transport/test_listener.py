"""The door of a node: who gets in, who is told why not, and who cannot keep others out."""

import os
from collections.abc import Awaitable, Callable

import cbor2
import pytest
import trio

from node.transport import listener as listeners
from node.transport.channel import Channel
from node.transport.listener import Listener
from node.transport.opening import Identity
from node.wire.codec import decode, encode_frame
from node.wire.framing import FrameReader, frame
from node.wire.handshake import make_hello
from node.wire.messages import (
    PROTOCOL_VERSION,
    Challenge,
    GetStatus,
    Goodbye,
    Hello,
    Role,
    Welcome,
)
from tests.transport.pairs import tcp_pair

IDENTITY = Identity("demo", b"t" * 32, 1, 7, frozenset({2, 3}), 1 << 20)


class Door:
    """A listener, what it refused, and who is inside."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.refused: list[str] = []
        self.inside: list[Hello] = []
        self.listener = Listener(IDENTITY, self._serve, self._refuse, lambda: 0)

    async def _serve(self, channel: Channel, hello: Hello) -> None:
        self.inside.append(hello)
        await trio.sleep_forever()

    def _refuse(self, who: str, code: str, reason: str) -> None:
        self.refused.append(code)

    async def knock(self) -> "Guest":
        accepted, dialling = tcp_pair()
        self.nursery.start_soon(self.listener.handle, accepted)
        self.nursery.start_soon(_close_at_the_end, dialling)
        guest = Guest(dialling)
        challenge = await guest.receive()
        assert isinstance(challenge, Challenge)
        guest.challenge = challenge
        return guest


async def _close_at_the_end(stream: trio.SocketStream) -> None:
    try:
        await trio.sleep_forever()
    finally:
        stream.socket.close()


class Guest:
    challenge: Challenge

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.reader = FrameReader(4096)

    async def receive(self) -> object:
        """The next message; None at the end of the stream."""
        while True:
            try:
                data = await self.stream.receive_some()
            except trio.BrokenResourceError:
                return None
            if not data:
                return None
            for payload in self.reader.feed(data):
                return decode(payload)

    def hello(self, role: Role = "client", dialled_id: int = 1) -> Hello:
        return make_hello(
            IDENTITY.token,
            cluster_id="demo",
            node_id=2 if role == "peer" else 0,
            incarnation=0,
            role=role,
            nonce=os.urandom(16),
            challenge=self.challenge,
            dialled_id=dialled_id,
        )

    async def enter(self, role: Role = "client", dialled_id: int = 1) -> object:
        await self.stream.send_all(encode_frame(self.hello(role, dialled_id)))
        return await self.receive()


def at_the_door(scenario: Callable[[Door], Awaitable[None]]) -> None:
    async def main() -> None:
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                await scenario(Door(nursery))
                nursery.cancel_scope.cancel()

    trio.run(main)


@pytest.mark.parametrize("role", ["peer", "client", "admin"])
def test_hello_that_was_made_for_another_node_is_refused(role: Role) -> None:
    async def scenario(door: Door) -> None:
        answer = await (await door.knock()).enter(role, dialled_id=3)
        assert isinstance(answer, Goodbye)
        assert answer.code == "wrong_token"
        assert isinstance(await (await door.knock()).enter(role), Welcome)

    at_the_door(scenario)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "bad_frame"),
        (frame(b"\xff\xff"), "bad_frame"),
        (encode_frame(GetStatus(1)), "bad_frame"),
        (encode_frame(GetStatus(1)) * 2, "bad_frame"),
        (frame(cbor2.dumps([33, PROTOCOL_VERSION, "demo"])), "bad_frame"),
        (
            frame(cbor2.dumps([33, PROTOCOL_VERSION + 1, "demo", "and", "more"])),
            "protocol_version",
        ),
    ],
    ids=["http", "not cbor", "not hello", "two frames", "short hello", "next version"],
)
def test_who_is_refused_before_the_connection_is_open_is_told_why(data: bytes, code: str) -> None:
    async def scenario(door: Door) -> None:
        guest = await door.knock()
        await guest.stream.send_all(data)
        answer = await guest.receive()
        assert isinstance(answer, Goodbye)
        assert answer.code == code
        assert await guest.receive() is None
        assert door.refused == [code]

    at_the_door(scenario)


def test_strangers_do_not_keep_out_who_says_hello() -> None:
    async def scenario(door: Door) -> None:
        silent = [await door.knock() for _ in range(listeners.STRANGERS_MAX)]
        assert door.refused == []
        assert isinstance(await (await door.knock()).enter("client"), Welcome)
        assert await silent[0].receive() is None, "the oldest had to go"
        assert door.refused == ["too_many"]
        assert isinstance(await silent[1].enter("client"), Welcome)

    at_the_door(scenario)


def test_clients_do_not_keep_out_operators_and_peers() -> None:
    async def scenario(door: Door) -> None:
        clients = [await door.knock() for _ in range(listeners.CLIENTS_MAX // 4)]
        for client in clients:
            assert isinstance(await client.enter("client"), Welcome)
        door.listener._open["clients"] = listeners.CLIENTS_MAX  # the rest, without their sockets
        refused = await (await door.knock()).enter("client")
        assert isinstance(refused, Goodbye)
        assert refused.code == "too_many"
        for role in ("admin", "observer", "peer"):
            assert isinstance(await (await door.knock()).enter(role), Welcome)

    at_the_door(scenario)


def test_place_of_a_connection_that_ended_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(listeners._GROUPS, "client", ("clients", 1))

    async def scenario(door: Door) -> None:
        async with trio.open_nursery() as inner:
            within = Door(inner)
            within.listener = door.listener
            assert isinstance(await (await within.knock()).enter("client"), Welcome)
            assert isinstance(await (await door.knock()).enter("client"), Goodbye)
            inner.cancel_scope.cancel()
        assert isinstance(await (await door.knock()).enter("client"), Welcome)

    at_the_door(scenario)
