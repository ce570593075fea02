"""How the two sides of a connection introduce themselves, over a channel."""

import os
import random
from collections.abc import Collection
from dataclasses import dataclass

import trio

from node.config import NodeAddress
from node.transport.channel import Channel
from node.wire.codec import WireError, decode
from node.wire.framing import FrameError
from node.wire.handshake import (
    NONCE_BYTES,
    HandshakeError,
    check_hello,
    check_welcome,
    make_hello,
    make_welcome,
)
from node.wire.messages import PROTOCOL_VERSION, Challenge, Goodbye, Hello, Welcome

HELLO_BYTES_MAX = 4096
HELLO_SECONDS_MAX = 2.0
BUFFER_BYTES_MAX = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a node is towards others. `incarnation` is new at each start of the process."""

    cluster_id: str
    token: bytes
    node_id: int
    incarnation: int
    peer_ids: Collection[int]
    frame_bytes_max: int


def new_incarnation() -> int:
    """Random, so that no two lives of a node share one."""
    return random.SystemRandom().getrandbits(62)


async def accept(channel: Channel, identity: Identity, last_applied: int) -> Hello:
    """The accepting side. Returns who came in.

    Raises HandshakeError when nobody may, after telling the other side why; FrameError,
    trio.BrokenResourceError, trio.ClosedResourceError.
    """
    nonce = os.urandom(NONCE_BYTES)
    channel.send_nowait(Challenge(PROTOCOL_VERSION, nonce))
    await channel.flush()
    hello = await _receive_one(channel)
    if not isinstance(hello, Hello):
        raise HandshakeError("protocol", f"{type(hello).__name__} where Hello belongs")
    refusal = check_hello(
        hello,
        token=identity.token,
        cluster_id=identity.cluster_id,
        challenge_nonce=nonce,
        peer_ids=identity.peer_ids,
    )
    if refusal is not None:
        channel.send_nowait(refusal)
        await channel.flush()
        raise HandshakeError(refusal.code, refusal.reason)
    channel.allow_frames_of(identity.frame_bytes_max, identity.frame_bytes_max)
    channel.send_nowait(
        make_welcome(
            identity.token,
            hello,
            nonce,
            node_id=identity.node_id,
            incarnation=identity.incarnation,
            last_applied=last_applied,
        )
    )
    await channel.flush()
    return hello


async def dial(address: NodeAddress, identity: Identity) -> Channel:
    """Connect to a peer, as a peer. Raises OSError, HandshakeError, FrameError,
    trio.BrokenResourceError, trio.TooSlowError.
    """
    with trio.fail_after(HELLO_SECONDS_MAX):
        stream = await trio.open_tcp_stream(address.host, address.port)
        channel = Channel(stream, HELLO_BYTES_MAX, BUFFER_BYTES_MAX)
        try:
            await _introduce(channel, address, identity)
            channel.allow_frames_of(HELLO_BYTES_MAX, identity.frame_bytes_max)
        except BaseException:
            await channel.aclose()
            raise
    return channel


async def _introduce(channel: Channel, address: NodeAddress, identity: Identity) -> None:
    challenge = await _receive_one(channel)
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
    )
    channel.send_nowait(hello)
    await channel.flush()
    answer = await _receive_one(channel)
    if isinstance(answer, Goodbye):
        raise HandshakeError(answer.code, answer.reason)
    if not isinstance(answer, Welcome):
        raise HandshakeError("protocol", f"{type(answer).__name__} where Welcome belongs")
    check_welcome(answer, hello, identity.token, challenge.nonce, address.id)


async def _receive_one(channel: Channel) -> object:
    """Exactly one message: neither side has anything to say before the other has answered."""
    payloads = await channel.receive()
    if not payloads:
        raise HandshakeError("gone", "the connection ended before it was open")
    if len(payloads) > 1:
        raise HandshakeError("protocol", "frames before the connection was open")
    try:
        return decode(payloads[0])
    except WireError as error:
        raise FrameError(str(error)) from error
