"""The example's messages as bytes: all of them pass, and nothing else does."""

import random

import pytest

from examples.kv_store import store
from examples.kv_store.codec import (
    MESSAGE_BYTES_MAX,
    NUMBER_MAX,
    decode_message,
    encode_message,
    entry_size,
)
from node.raft import (
    AppendEntries,
    AppendEntriesResponse,
    LogEntry,
    Message,
    ReadIndexRequest,
    ReadIndexResponse,
    RequestPreVote,
    RequestPreVoteResponse,
    RequestVote,
    RequestVoteResponse,
    StaleTerm,
    TimeoutNow,
)
from node.raft.config import CoreConfig
from node.raft.replication import MEASURED_ENTRIES_MAX

ENTRIES = [LogEntry(1, None), LogEntry(2, b""), LogEntry(2, b"a\n\0b"), LogEntry(3, b"x" * 5000)]
MESSAGES: list[Message] = [
    RequestPreVote(1, 2, 3, 4, 5),
    RequestPreVoteResponse(1, 2, 3, True),
    RequestVote(1, 2, 3, 4, leadership_transfer=True),
    RequestVoteResponse(1, 2, False),
    AppendEntries(3, 0, 0, 0, [], 7, NUMBER_MAX),
    AppendEntries(3, 0, 5, 1, ENTRIES, 4, 8),
    AppendEntriesResponse(1, 2, False, 3, 4, 0, 6, 7),
    TimeoutNow(1, 2),
    ReadIndexRequest(1, 2, 3),
    ReadIndexResponse(1, 2, 3, None),
    ReadIndexResponse(1, 2, 3, 4),
    StaleTerm(1, 2),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_message_comes_out_as_it_went_in(message: Message) -> None:
    assert decode_message(encode_message(message)) == message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"[]\n",
        b"\xff\n",
        b"[" * 100_000,
        b'{"entries":[]}\n',
        b'{"message":["StaleTerm"],"entries":[]}\n',
        b'{"message":"StaleTerm","term":1,"entries":[]}\n',
        b'{"message":"StaleTerm","term":1,"responder_id":2,"entries":[]}\nx',
        b'{"message":"StaleTerm","term":1,"responder_id":2,"entries":[[1,1]]}\nx',
        b'{"message":"StaleTerm","term":1,"responder_id":null,"entries":[]}\n',
        b'{"message":"StaleTerm","term":true,"responder_id":2,"entries":[]}\n',
        b'{"message":"StaleTerm","term":1.0,"responder_id":2,"entries":[]}\n',
        b'{"message":"StaleTerm","term":-1,"responder_id":2,"entries":[]}\n',
        b'{"message":"StaleTerm","term":9223372036854775808,"responder_id":2,"entries":[]}\n',
        b'{"message":"StaleTerm","term":' + b"9" * 9999 + b',"responder_id":2,"entries":[]}\n',
        encode_message(MESSAGES[5])[:-1],
        encode_message(MESSAGES[5]) + b"x",
        encode_message(MESSAGES[5]).replace(b"5000", b"-100"),
        encode_message(MESSAGES[5]).replace(b"[3,5000]", b"[3]"),
    ],
    ids=lambda data: repr(data[-30:]),
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_message(data)


def test_rotten_bytes_raise_nothing_but_value_error() -> None:
    rng = random.Random(1)
    for _ in range(3000):
        data = bytearray(encode_message(rng.choice(MESSAGES)))
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            decode_message(bytes(data))
        except ValueError:
            continue


def test_z18_every_message_that_raft_makes_fits_into_a_frame() -> None:
    """The longest: no-ops, which are not measured, and entries up to the limit, in late terms."""
    longest = store.put("\x01" * store.KEY_BYTES_MAX, bytes(store.VALUE_BYTES_MAX))
    assert len(longest) <= store.COMMAND_BYTES_MAX
    bytes_max = CoreConfig(0, frozenset({0})).append_bytes_max
    for command in (longest, b""):
        count = max(1, bytes_max // entry_size(command))
        no_ops = max(0, MEASURED_ENTRIES_MAX - count)
        entries = [LogEntry(NUMBER_MAX, command)] * count + [LogEntry(NUMBER_MAX, None)] * no_ops
        message = AppendEntries(
            NUMBER_MAX, 0, NUMBER_MAX, NUMBER_MAX, entries, NUMBER_MAX, NUMBER_MAX
        )
        data = encode_message(message)
        assert len(data) <= MESSAGE_BYTES_MAX
        assert decode_message(data) == message


@pytest.mark.parametrize(
    "command", [b"", b"{", b"[1]\nx", b'{"do":"put","key":1}\n', b"[" * 9999], ids=len
)
def test_entry_that_is_no_command_changes_nothing(command: bytes) -> None:
    state = store.Store()
    state.apply(store.put("a", b"1"))
    state.apply(command)
    assert (len(state), state.get("a")) == (1, b"1")
