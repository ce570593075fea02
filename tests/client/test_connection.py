"""A connection without a socket: what it makes of bytes, however they arrive."""

import pytest

from node.client.address import ClusterAddress
from node.client.connection import Connection
from node.client.errors import UnreachableError
from node.wire.codec import decode, encode_frame
from node.wire.framing import FrameReader, frame
from node.wire.handshake import NONCE_BYTES, check_hello, make_welcome
from node.wire.messages import (
    PROTOCOL_VERSION,
    Answer,
    Challenge,
    GetStatus,
    Goodbye,
    Hello,
    Read,
    Welcome,
    WireMessage,
)

TOKEN = b"t" * 32
ADDRESS = ClusterAddress("c1", TOKEN, {1: ("127.0.0.1", 1)}, 1024)
NONCE = b"c" * NONCE_BYTES
CHALLENGE = encode_frame(Challenge(PROTOCOL_VERSION, NONCE))
READ = Read(1, b"query", "linearizable", False)
ANSWER = Answer(1, 9, b"result")


def messages_in(data: bytes) -> list[object]:
    return [decode(payload) for payload in FrameReader(1 << 20).feed(data)]


def connection() -> Connection:
    return Connection(ADDRESS, 1, "client", b"n" * NONCE_BYTES)


def hello_of(introduced: Connection) -> Hello:
    """What it says of itself to a challenge."""
    introduced.feed(CHALLENGE)
    (hello,) = messages_in(introduced.take_outgoing())
    assert isinstance(hello, Hello)
    return hello


def welcome_to(hello: Hello, token: bytes = TOKEN, node_id: int = 1) -> bytes:
    welcome = make_welcome(token, hello, NONCE, node_id=node_id, incarnation=7, last_applied=42)
    return encode_frame(welcome)


def opened() -> Connection:
    made = connection()
    made.feed(welcome_to(hello_of(made)))
    return made


def test_it_opens_byte_by_byte() -> None:
    made = connection()
    for byte in CHALLENGE:
        assert made.take_outgoing() == b""
        made.feed(bytes([byte]))
    (hello,) = messages_in(made.take_outgoing())
    assert isinstance(hello, Hello)
    answer = encode_frame(ANSWER)
    for byte in welcome_to(hello):
        assert not made.is_open
        made.feed(bytes([byte]))
    assert made.welcome is not None
    assert made.welcome.last_applied == 42
    for byte in answer:
        assert not made.incoming
        made.feed(bytes([byte]))
    assert list(made.incoming) == [ANSWER]


def test_all_that_arrives_in_one_piece_is_taken() -> None:
    made = connection()
    made.feed(welcome_to(hello_of(made)) + encode_frame(ANSWER) * 3)
    assert list(made.incoming) == [ANSWER] * 3


def test_it_proves_that_it_knows_the_token_and_does_not_send_it() -> None:
    made = connection()
    made.feed(CHALLENGE)
    data = made.take_outgoing()
    assert TOKEN not in data
    (hello,) = messages_in(data)
    assert isinstance(hello, Hello)
    assert (hello.role, hello.node_id) == ("client", 0)
    refusal = check_hello(
        hello,
        token=TOKEN,
        cluster_id="c1",
        challenge_nonce=NONCE,
        node_id=1,
        peer_ids=frozenset(),
    )
    assert refusal is None


def test_requests_wait_until_it_is_open_and_keep_their_order() -> None:
    made = connection()
    early: list[WireMessage] = [READ, GetStatus(2)]
    for message in early:
        made.send(message)
    assert made.take_outgoing() == b"", "nothing leaves before the node has proved itself"
    hello = hello_of(made)
    assert made.take_outgoing() == b""
    made.feed(welcome_to(hello))
    made.send(GetStatus(3))
    assert messages_in(made.take_outgoing()) == [*early, GetStatus(3)]
    assert made.take_outgoing() == b"", "once"


@pytest.mark.parametrize("is_open", [False, True])
def test_goodbye_ends_it_with_the_reason_of_the_node(is_open: bool) -> None:
    made = opened() if is_open else connection()
    with pytest.raises(UnreachableError, match="n1 closed the connection: too busy") as caught:
        made.feed(encode_frame(Goodbye("busy", "too busy")))
    assert (caught.value.code, caught.value.outcome) == ("busy", "none")


def test_node_that_does_not_know_the_token_is_refused() -> None:
    made = connection()
    made.send(READ)
    hello = hello_of(made)
    with pytest.raises(UnreachableError, match="does not know this cluster's token") as caught:
        made.feed(welcome_to(hello, token=b"x" * 32))
    assert caught.value.code == "wrong_token"
    assert not made.is_open
    assert made.take_outgoing() == b""


def test_proof_of_an_earlier_connection_is_refused() -> None:
    made = connection()
    replayed = welcome_to(hello_of(Connection(ADDRESS, 1, "client", b"o" * NONCE_BYTES)))
    hello_of(made)
    with pytest.raises(UnreachableError, match="token"):
        made.feed(replayed)


def test_another_node_than_the_dialled_one_is_refused() -> None:
    made = connection()
    hello = hello_of(made)
    with pytest.raises(UnreachableError, match="n2 answers where n1 should") as caught:
        made.feed(welcome_to(hello, node_id=2))
    assert caught.value.code == "unknown_node"


def test_node_of_another_protocol_version_gets_no_introduction() -> None:
    made = connection()
    with pytest.raises(UnreachableError, match=f"version {PROTOCOL_VERSION + 1}") as caught:
        made.feed(encode_frame(Challenge(PROTOCOL_VERSION + 1, NONCE)))
    assert caught.value.code == "protocol_version"
    assert made.take_outgoing() == b""


@pytest.mark.parametrize(
    "data",
    [b"HTTP/1.1 400 Bad Request\r\n", bytes(4), frame(b"\xff\xff"), frame(b"\x81\x18\xff")],
    ids=["http", "zero length", "not cbor", "unknown kind"],
)
@pytest.mark.parametrize("is_open", [False, True])
def test_nonsense_is_an_error_and_not_a_message(data: bytes, is_open: bool) -> None:
    made = opened() if is_open else connection()
    with pytest.raises(UnreachableError, match="n1 sent nonsense") as caught:
        made.feed(data)
    assert caught.value.code == "protocol"
    assert not made.incoming


def test_frame_over_the_limit_is_refused_by_its_length() -> None:
    made = opened()
    with pytest.raises(UnreachableError, match="the limit is 1024"):
        made.feed((1025).to_bytes(4, "big"))


@pytest.mark.parametrize(
    "early",
    [encode_frame(ANSWER), encode_frame(Welcome(1, 1, bytes(32), 0)), CHALLENGE + CHALLENGE],
    ids=["answer", "welcome", "second challenge"],
)
def test_message_out_of_turn_is_refused(early: bytes) -> None:
    made = connection()
    with pytest.raises(UnreachableError, match="out of turn"):
        made.feed(early)
    assert not made.is_open
    assert not made.incoming
