"""How the two sides of a connection introduce themselves, over a channel."""

import os
import random
from collections.abc import Callable, Container
from typing import NamedTuple

import trio

from node.config import NodeAddress
from node.transport.channel import Channel
from node.transport.silence import give_up_soon, keep_alive
from node.wire.codec import WireError, decode, version_of_hello
from node.wire.framing import FrameError
from node.wire.handshake import (
    NONCE_BYTES,
    HandshakeError,
    check_hello,
    check_welcome,
    make_hello,
    make_welcome,
    version_refusal,
)
from node.wire.messages import PROTOCOL_VERSION, Challenge, Goodbye, Hello, Welcome

HELLO_BYTES_MAX = 4096
HELLO_SECONDS_MAX = 2.0
BUFFER_BYTES_MAX = 64 * 1024 * 1024


class Identity(NamedTuple):
    """Who a node is towards others. `incarnation` is new at each start of the process."""

    cluster_id: str
    token: bytes
    node_id: int
    incarnation: int
    peer_ids: Container[int]
    frame_bytes_max: int


def new_incarnation() -> int:
    """Random, so that no two lives of a node share one."""
    return random.SystemRandom().getrandbits(62)


Admit = Callable[[Hello], Goodbye | None]
"""Why somebody who proved who they are may not come in now; None: they may."""


async def accept(
    channel: Channel, identity: Identity, admit: Admit, last_applied: Callable[[], int]
) -> Hello:
    """The accepting side. Returns who came in.

    Raises HandshakeError, with what to say in a Goodbye, when nobody may;
    trio.BrokenResourceError, trio.ClosedResourceError.
    """
    nonce = os.urandom(NONCE_BYTES)
    channel.send_nowait(Challenge(PROTOCOL_VERSION, nonce))
    await channel.flush()
    try:
        hello = _hello_in(await _receive_one(channel), identity, nonce)
    except FrameError as error:
        raise HandshakeError("bad_frame", str(error)) from error
    refusal = admit(hello)
    if refusal is not None:
        raise _as_error(refusal)
    channel.send_nowait(
        make_welcome(
            identity.token,
            hello,
            nonce,
            node_id=identity.node_id,
            incarnation=identity.incarnation,
            last_applied=last_applied(),
        )
    )
    await channel.flush()
    return hello


def _hello_in(payload: bytes, identity: Identity, challenge_nonce: bytes) -> Hello:
    """Raises HandshakeError, FrameError."""
    version = version_of_hello(payload)
    if version not in (None, PROTOCOL_VERSION):
        raise _as_error(version_refusal(version))  # its other fields may be others than ours
    hello = _decoded(payload)
    if not isinstance(hello, Hello):
        raise FrameError(f"{type(hello).__name__} where Hello belongs")
    refusal = check_hello(
        hello,
        token=identity.token,
        cluster_id=identity.cluster_id,
        challenge_nonce=challenge_nonce,
        node_id=identity.node_id,
        peer_ids=identity.peer_ids,
    )
    if refusal is not None:
        raise _as_error(refusal)
    return hello


def _as_error(goodbye: Goodbye) -> HandshakeError:
    return HandshakeError(goodbye.code, goodbye.reason)


async def dial(address: NodeAddress, identity: Identity) -> Channel:
    """Connect to a peer, as a peer. Raises OSError, HandshakeError, FrameError,
    trio.BrokenResourceError, trio.TooSlowError.
    """
    with trio.fail_after(HELLO_SECONDS_MAX):
        stream = await trio.open_tcp_stream(address.host, address.port)
        keep_alive(stream)
        give_up_soon(stream)
        channel = Channel(stream, HELLO_BYTES_MAX, BUFFER_BYTES_MAX)
        try:
            await _introduce(channel, address, identity)
            channel.allow_frames_of(HELLO_BYTES_MAX, identity.frame_bytes_max)
        except BaseException:
            await channel.aclose()
            raise
    return channel


async def _introduce(channel: Channel, address: NodeAddress, identity: Identity) -> None:
    challenge = _decoded(await _receive_one(channel))
    if not isinstance(challenge, Challenge):
        raise HandshakeError("protocol", f"{type(challenge).__name__} where Challenge belongs")
    hello = make_hello(
        identity.token,
        cluster_id=identity.cluster_id,
        node_id=identity.node_id,
        incarnation=identity.incarnation,
        role="peer",
        nonce=os.urandom(NONCE_BYTES),
        challenge=challenge,
        dialled_id=address.id,
    )
    channel.send_nowait(hello)
    await channel.flush()
    answer = _decoded(await _receive_one(channel))
    if isinstance(answer, Goodbye):
        raise _as_error(answer)
    if not isinstance(answer, Welcome):
        raise HandshakeError("protocol", f"{type(answer).__name__} where Welcome belongs")
    check_welcome(answer, hello, identity.token, challenge.nonce, address.id)


async def _receive_one(channel: Channel) -> bytes:
    """Exactly one frame: neither side has anything to say before the other has answered."""
    payloads = await channel.receive()
    if not payloads:
        raise HandshakeError("gone", "the connection ended before it was open")
    if len(payloads) > 1:
        raise FrameError("frames before the connection was open")
    return payloads[0]


def _decoded(payload: bytes) -> object:
    try:
        return decode(payload)
    except WireError as error:
        raise FrameError(str(error)) from error
