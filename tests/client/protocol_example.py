"""The worked example of docs/protocol.md, made by the real code from fixed values."""

from node.machines import kv
from node.wire.codec import encode_frame
from node.wire.envelope import Header, ok_result, seal
from node.wire.handshake import make_hello, make_welcome
from node.wire.messages import PROTOCOL_VERSION, Answer, Applied, Challenge, Propose, Read

TOKEN = bytes(range(32))
CHALLENGE_NONCE = bytes(range(0x10, 0x20))
HELLO_NONCE = bytes(range(0x20, 0x30))


def conversation() -> list[tuple[str, bytes]]:
    """Who sends what: put greeting hello, then read it."""
    challenge = Challenge(PROTOCOL_VERSION, CHALLENGE_NONCE)
    hello = make_hello(
        TOKEN,
        cluster_id="c1",
        node_id=0,
        incarnation=0,
        role="client",
        nonce=HELLO_NONCE,
        challenge=challenge,
        dialled_id=1,
    )
    welcome = make_welcome(TOKEN, hello, CHALLENGE_NONCE, node_id=1, incarnation=7, last_applied=4)
    header = Header(client_id=0x1122334455667788, sequence=1, acked_below=1, born_at=4)
    propose = Propose(1, seal(header, kv.put("greeting", b"hello")))
    applied = Applied(1, 5, 2, ok_result(b"\xf4"))
    read = Read(2, kv.get("greeting"), "linearizable", False)
    answer = Answer(2, 5, b"\x82\x45hello\x05")
    return [
        ("node   Challenge", encode_frame(challenge)),
        ("client Hello", encode_frame(hello)),
        ("node   Welcome", encode_frame(welcome)),
        ("client Propose", encode_frame(propose)),
        ("node   Applied", encode_frame(applied)),
        ("client Read", encode_frame(read)),
        ("node   Answer", encode_frame(answer)),
    ]


def example_lines() -> list[str]:
    """The conversation in hexadecimal, 32 bytes a line."""
    lines = []
    for who, data in conversation():
        lines.append(f"{who} ({len(data)} bytes)")
        text = data.hex()
        lines += [f"  {text[start : start + 64]}" for start in range(0, len(text), 64)]
    return lines
