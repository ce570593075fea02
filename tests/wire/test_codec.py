"""What goes in comes out, and what a stranger sends is a WireError or a well-typed message."""

import typing
from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.raft import messages as raft
from node.raft.configuration import MEMBERS_MAX, Configuration
from node.raft.messages import LogEntry
from node.wire import codec, messages
from node.wire.cbor import INTEGER_MAX
from node.wire.codec import DEPTH_MAX, DIGEST_BYTES_MAX, KINDS, TEXT_MAX, Kind, WireError
from node.wire.entries import ADDRESS_MAX
from node.wire.framing import FrameReader

AnyMessage = raft.Message | messages.WireMessage

NUMBERS = {
    **{1: "RequestPreVote", 2: "RequestPreVoteResponse", 3: "RequestVote"},
    **{4: "RequestVoteResponse", 5: "AppendEntries", 6: "AppendEntriesResponse"},
    **{7: "TimeoutNow", 8: "ReadIndexRequest", 9: "ReadIndexResponse"},
    **{10: "StaleTerm", 11: "InstallSnapshot", 12: "InstallSnapshotResponse"},
    **{32: "Challenge", 33: "Hello", 34: "Welcome", 35: "Goodbye", 36: "Propose", 37: "Read"},
    **{38: "Watch", 39: "Cancel", 40: "Applied", 41: "Answer", 42: "Changes", 43: "Failure"},
    **{44: "GetStatus", 45: "TransferLeadership", 46: "SetFaults", 47: "ReadLog"},
    **{48: "Document", 49: "Subscribe", 50: "Happened"},
    **{13: "ForwardProposal", 14: "ProposalRefused"},
    **{51: "ChangeMembers", 52: "TakeSnapshot", 53: "SetCompaction"},
    **{54: "Keyframe", 55: "Changed", 56: "Bulk", 57: "Gap", 58: "Recording"},
    **{59: "Disturb", 60: "ProposeAll", 61: "AppliedAll", 62: "ReadAll", 63: "AnswerAll"},
}

INTEGERS = st.integers(0, INTEGER_MAX)
TEXTS = st.text(max_size=20)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | TEXTS
    | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
MAPS = st.dictionaries(TEXTS, VALUES, max_size=3)
MEMBERS = st.integers(1, 50) | st.just(INTEGER_MAX)


@st.composite
def _configurations(draw: st.DrawFn) -> Configuration:
    """Configurations that an entry can hold."""
    voters = draw(st.frozensets(MEMBERS, min_size=1, max_size=5))
    learners = draw(st.frozensets(MEMBERS, max_size=3)) - voters
    outgoing = draw(st.frozensets(MEMBERS, max_size=3))
    promotable = frozenset(each for each in learners if draw(st.booleans()))
    members = sorted(voters | learners | outgoing)
    addresses = tuple((each, draw(TEXTS)) for each in members if draw(st.booleans()))
    return Configuration(voters, learners, outgoing, promotable, addresses)


CONFIGURATIONS = _configurations()
ENTRIES = st.builds(LogEntry, INTEGERS, st.none() | st.binary(max_size=40) | CONFIGURATIONS)
BY_ANNOTATION: dict[Any, st.SearchStrategy[Any]] = {
    int: INTEGERS,
    str: TEXTS,
    bytes: st.binary(max_size=40),
    Any: st.binary(max_size=40),
    bool: st.booleans(),
    int | None: st.none() | INTEGERS,
    list[bytes]: st.lists(st.binary(max_size=20), max_size=4),
    dict[str, Any]: MAPS,
    list[dict[str, Any]]: st.lists(MAPS, max_size=3),
}


def _values_of(kind: Kind) -> st.SearchStrategy[Any]:
    """Messages of one kind, made from the annotations of its class."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for name, annotation in typing.get_type_hints(kind.type).items():
        if (kind.type, name) == (raft.AppendEntries, "entries"):
            fields[name] = st.lists(ENTRIES, max_size=4)
        elif typing.get_origin(annotation) is typing.Literal:
            fields[name] = st.sampled_from(typing.get_args(annotation))
        else:
            fields[name] = BY_ANNOTATION[annotation]
    return st.builds(kind.type, **fields)


MESSAGES: st.SearchStrategy[Any] = st.one_of(*map(_values_of, KINDS))


def _row(*values: Any) -> bytes:
    return cbor2.dumps(list(values))


def _document(value: Any) -> bytes:
    return _row(48, 1, {"value": value})


def test_the_numbers_on_the_wire_are_those_of_protocol_version_2() -> None:
    assert {kind.number: kind.type.__name__ for kind in KINDS} == NUMBERS
    assert messages.PROTOCOL_VERSION == 2


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type.__name__)
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_kind_survives_a_round_trip(kind: Kind, data: st.DataObject) -> None:
    message = data.draw(_values_of(kind))
    decoded = codec.decode(codec.encode(message))
    assert type(decoded) is kind.type
    assert decoded == message


def test_entries_come_out_as_log_entries() -> None:
    entries = [LogEntry(1, None), LogEntry(2, b""), LogEntry(2, b"x")]
    decoded = codec.decode(codec.encode(raft.AppendEntries(2, 1, 0, 0, entries, 0, 1)))
    assert isinstance(decoded, raft.AppendEntries)
    assert [type(entry) for entry in decoded.entries] == [LogEntry] * 3
    assert decoded.entries == entries


CONFIGURATION = Configuration(
    frozenset({1, 2, 3}), frozenset({4}), frozenset({5}), frozenset({4}), ((1, "h:1"), (4, "h:4"))
)
CONFIGURATION_MAP = {
    "voters": [1, 2, 3],
    "learners": [4],
    "outgoing": [5],
    "promotable": [4],
    "addresses": {"1": "h:1", "4": "h:4"},
}


def test_configuration_travels_as_a_map() -> None:
    entries = [LogEntry(1, b"a"), LogEntry(2, CONFIGURATION), LogEntry(2, None)]
    payload = codec.encode(raft.AppendEntries(2, 1, 0, 0, entries, 0, 1))
    assert cbor2.loads(payload)[5] == [[1, [b"a"]], [2, [CONFIGURATION_MAP, None]]]
    decoded = codec.decode(payload)
    assert isinstance(decoded, raft.AppendEntries)
    assert decoded.entries == entries
    assert type(decoded.entries[1].entry) is Configuration


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"voters": []}, "a cluster needs a voter"),
        ({"voters": [1, 2, 4]}, "4 as voter and learner"),
        ({"voters": [1, -2]}, "no list of numbers"),
        ({"voters": [1, True]}, "no list of numbers"),
        ({"voters": [1, 2.0]}, "no list of numbers"),
        ({"voters": {"1": 1}}, "no list of numbers"),
        ({"voters": None}, "no list of numbers"),
        ({"voters": [1, INTEGER_MAX + 1]}, "out of range"),
        ({"voters": list(range(10, 10 + MEMBERS_MAX))}, "more than"),
        ({"voters": [1] * (MEMBERS_MAX + 1)}, "no list of numbers"),
        ({"promotable": [1]}, "only learners"),
        ({"addresses": {"9": "h:9"}}, "somebody who is no member"),
        ({"addresses": {"x": "h:9"}}, "no map of texts"),
        ({"addresses": {"": "h:9"}}, "no map of texts"),
        ({"addresses": {"1": 5}}, "no map of texts"),
        ({"addresses": {1: "h:1"}}, "not CBOR"),
        ({"addresses": [["1", "h:1"]]}, "no map of texts"),
        ({"addresses": {"1": "x" * (ADDRESS_MAX + 1)}}, "too long"),
        ({"addresses": {"\u00b2": "h:1"}}, "no map of texts"),
        ({"addresses": {"9" * 5000: "h:1"}}, "not a configuration"),
        ({"observers": [6]}, "not a configuration"),
    ],
)
def test_configuration_that_is_none_is_refused(change: dict[Any, Any], reason: str) -> None:
    entries = [[1, [b"a"]], [2, [CONFIGURATION_MAP | change]]]
    payload = _row(5, 2, 1, 0, 0, entries, 0, 1, False)
    with pytest.raises(WireError, match=reason):
        codec.decode(payload)


def test_configuration_without_anybody_is_no_entry() -> None:
    """A node that is to be added is founded with one; in a log it would leave nobody to decide."""
    for payload in ([[2, [{}]]], [[2, [{"voters": []}]]]):
        with pytest.raises(WireError, match="without voters"):
            codec.decode(_row(5, 2, 1, 0, 0, payload, 0, 1, False))


def test_what_is_no_entry_is_never_sent() -> None:
    entries = [LogEntry(1, b"a"), LogEntry(1, object())]
    with pytest.raises(TypeError, match="object cannot be sent"):
        codec.encode(raft.AppendEntries(2, 1, 0, 0, entries, 0, 1))


@pytest.mark.parametrize("length", [0, 16, DIGEST_BYTES_MAX, DIGEST_BYTES_MAX + 1])
def test_digest_of_a_snapshot_has_a_limit(length: int) -> None:
    payload = _row(11, 2, 1, 7, 1, 100, b"d" * length, 0, b"data", 3)
    if length > DIGEST_BYTES_MAX:
        with pytest.raises(WireError, match=r"InstallSnapshot\.digest"):
            codec.decode(payload)
    else:
        expected = raft.InstallSnapshot(2, 1, 7, 1, 100, b"d" * length, 0, b"data", 3)
        assert codec.decode(payload) == expected


def test_encode_frame_is_the_encoding_in_a_frame() -> None:
    message = messages.GetStatus(7)
    (payload,) = FrameReader(100).feed(codec.encode_frame(message))
    assert payload == codec.encode(message)


def _decode_or_refuse(payload: bytes) -> None:
    """Whatever comes: a message whose fields fit its class, or WireError and nothing else."""
    try:
        message = codec.decode(payload)
    except WireError:
        return
    kind = next(kind for kind in KINDS if kind.type is type(message))
    for annotated, (name, check) in zip(kind.type.__annotations__, kind.fields, strict=True):
        value = getattr(message, name)
        assert annotated == name
        assert name == "entries" or check(value)


@settings(max_examples=500)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_only_ever_raise_wire_error(payload: bytes) -> None:
    _decode_or_refuse(payload)


@settings(max_examples=500)
@given(st.lists(VALUES | st.integers(0, 60), max_size=9))
def test_arbitrary_arrays_only_ever_raise_wire_error(values: list[Any]) -> None:
    _decode_or_refuse(cbor2.dumps(values))


@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(MESSAGES, st.data())
def test_mutated_messages_only_ever_raise_wire_error(message: Any, data: st.DataObject) -> None:
    payload = bytearray(codec.encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, max(0, len(payload) - 1)))
        match data.draw(st.sampled_from(["set", "insert", "cut"])):
            case "set":
                payload[position : position + 1] = bytes([data.draw(st.integers(0, 255))])
            case "insert":
                payload[position:position] = data.draw(st.binary(min_size=1, max_size=4))
            case _:
                del payload[position:]
    _decode_or_refuse(bytes(payload))


@settings(max_examples=100)
@given(MESSAGES, st.data())
def test_a_message_cut_short_is_refused(message: Any, data: st.DataObject) -> None:
    payload = codec.encode(message)
    with pytest.raises(WireError):
        codec.decode(payload[: data.draw(st.integers(0, len(payload) - 1))])


@settings(max_examples=100)
@given(MESSAGES, st.binary(min_size=1, max_size=5))
def test_trailing_bytes_are_refused(message: Any, rest: bytes) -> None:
    with pytest.raises(WireError, match="bytes after the message"):
        codec.decode(codec.encode(message) + rest)


def test_trailing_bytes_are_refused_beyond_what_the_decoder_reads_at_once() -> None:
    payload = codec.encode(messages.Propose(1, b"x" * 100_000))
    codec.decode(payload)
    with pytest.raises(WireError, match="bytes after the message"):
        codec.decode(payload + payload)


TAGGED = {
    "date text": b"\xc0\x74" + b"2020-01-01T00:00:00Z",
    "unix time": b"\xc1\x00",
    "big number": b"\xc2\x49" + b"\x01" * 9,
    "negative big number": b"\xc3\x49" + b"\x01" * 9,
    "decimal": b"\xc4\x82\x01\x01",
    "big float with a huge exponent": b"\xc5\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x01",
    "string reference": b"\xd8\x19\x00",
    "shared value": b"\xd8\x1c\x80",
    "reference": b"\xd8\x1d\x00",
    "rational": b"\xd8\x1e\x82\x01\x02",
    "pattern": b"\xd8\x23\x61a",
    "mail": b"\xd8\x24\x61a",
    "uuid": b"\xd8\x25\x50" + bytes(16),
    "string namespace": b"\xd9\x01\x00\x80",
    "set": b"\xd9\x01\x02\x80",
    "ip address": b"\xd9\x01\x04\x44\x7f\x00\x00\x01",
    "ip network": b"\xd9\x01\x05\xa1\x44\x7f\x00\x00\x00\x08",
    "ipv4": b"\xd8\x34\x44\x7f\x00\x00\x01",
    "ipv6": b"\xd8\x36\x50" + bytes(16),
    "date": b"\xd9\x03\xec\x6a2020-01-01",
    "days": b"\xd8\x64\x00",
    "complex": b"\xd9\xa7\xf8\x82\x01\x02",
    "self described": b"\xd9\xd9\xf7\x00",
    "unassigned": b"\xda\x00\x12\x34\x56\x00",
}


@pytest.mark.parametrize("tagged", TAGGED.values(), ids=TAGGED.keys())
def test_tags_are_refused_wherever_they_stand(tagged: bytes) -> None:
    for payload in (tagged, b"\x82\x18\x2c" + tagged, b"\x83\x18\x30\x01\xa1\x61v" + tagged):
        with pytest.raises(WireError, match="not CBOR"):
            codec.decode(payload)


@settings(max_examples=300)
@given(st.integers(0, 70_000), VALUES)
def test_no_tag_number_ever_passes(number: int, value: Any) -> None:
    with pytest.raises(WireError):
        codec.decode(_document(cbor2.CBORTag(number, value)))


def test_a_tag_around_a_whole_message_is_refused() -> None:
    with pytest.raises(WireError):
        codec.decode(b"\xd9\xd9\xf7" + codec.encode(messages.GetStatus(1)))


def test_maps_keyed_by_anything_but_text_are_refused() -> None:
    for key in (1, b"a", None, True, 1.5, (1,)):
        with pytest.raises(WireError):
            codec.decode(_row(48, 1, {key: 1}))


def _nested(depth: int, wrap: Callable[[Any], Any]) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = wrap(value)
    return value


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"k": inner}])
def test_what_is_nested_too_deep_is_refused(wrap: Callable[[Any], Any]) -> None:
    inside = DEPTH_MAX - 2  # the message and its map count too
    codec.decode(_document(_nested(inside, wrap)))
    for depth in (inside + 1, 200):
        with pytest.raises(WireError):
            codec.decode(_document(_nested(depth, wrap)))


def test_depth_is_refused_without_recursion() -> None:
    for opening in (b"\x81", b"\x9f", b"\xa1\x61k", b"\xd8\x1c"):
        with pytest.raises(WireError):
            codec.decode(opening * 100_000)


@pytest.mark.parametrize("major", [0x5B, 0x7B, 0x9B, 0xBB])
@pytest.mark.parametrize("length", [2**32, 2**48, 2**62, 2**64 - 1])
def test_a_huge_length_inside_a_small_frame_is_refused(major: int, length: int) -> None:
    lying = bytes([major]) + length.to_bytes(8, "big")
    for payload in (lying, b"\x82\x18\x2c" + lying, b"\x83\x18\x30\x01\xa1\x61v" + lying):
        with pytest.raises(WireError):
            codec.decode(payload + b"abc")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not CBOR"),
        (_row(), "not an array with a kind"),
        (cbor2.dumps({}), "not an array with a kind"),
        (cbor2.dumps(44), "not an array with a kind"),
        (cbor2.dumps("GetStatus"), "not an array with a kind"),
        (_row("GetStatus", 1), "not an array with a kind"),
        (_row(True, 1, 1), "not an array with a kind"),
        (_row(44.0, 1), "not an array with a kind"),
        (_row([44], 1), "not an array with a kind"),
        (_row(0, 1), "unknown kind 0"),
        (_row(-1), "unknown kind -1"),
        (_row(64, 1), "unknown kind 64"),
        (_row(44), "GetStatus with 0 fields"),
        (_row(44, 1, 1), "GetStatus with 2 fields"),
    ],
)
def test_what_is_no_message_is_refused_with_the_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(WireError, match=reason):
        codec.decode(payload)


GOOD: dict[Any, Any] = {
    int: 1,
    str: "a",
    bytes: b"a",
    bool: True,
    int | None: None,
    Any: b"x",
    list[bytes]: [b"a"],
    dict[str, Any]: {"a": 1},
    list[dict[str, Any]]: [{"a": 1}],
}
BAD: dict[Any, list[Any]] = {
    int: [-1, 2**63, 2**64 - 1, 1.0, True, None, "1", b"1", []],
    str: [b"a", 1, None, "x" * (TEXT_MAX + 1)],
    bytes: ["a", 1, None, [1]],
    bool: [0, 1, None, "true"],
    int | None: [-1, 2**63, False, 1.0, "1"],
    Any: [None, "text", 1, ["x"], {}],
    list[bytes]: [b"a", ["a"], [b"a", None], None, {}],
    dict[str, Any]: [[], None, {1: 1}, {b"a": 1}, "a"],
    list[dict[str, Any]]: [{}, [1], [{}, None], [{1: 1}], None],
}
BAD_ENTRIES: list[Any] = [
    *(None, {}, b"", [1], [[1]], [[1, [b"a"], 1]], [[[b"a"], 1]], [[-1, [b""]]], [[True, [b""]]]),
    *([[1, ["a"]]], [[2**63, [b""]]], [[1, [0]]], [{"term": 1, "entries": []}], [[1, [b""]], []]),
    *([[1, [{}]]], [[1, [{"voters": [1.0]}]]], [[1, [[1]]]], [[1, [b"a", {"voters": "1"}]]]),
    *([[1, b"a"]], [[1, None]], [[1, {"voters": [1]}]]),
]


def _good_and_bad(kind: Kind) -> list[tuple[Any, list[Any]]]:
    fields = []
    for name, annotation in typing.get_type_hints(kind.type).items():
        if (kind.type, name) == (raft.AppendEntries, "entries"):
            fields.append(([[1, [b"a", None]], [1, [{"voters": [1]}]]], BAD_ENTRIES))
        elif typing.get_origin(annotation) is typing.Literal:
            bad = ["", "nobody", b"peer", 1, None, ["peer"], {}]
            fields.append((typing.get_args(annotation)[0], bad))
        else:
            fields.append((GOOD[annotation], BAD[annotation]))
    return fields


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type.__name__)
def test_each_field_refuses_wrong_types_and_ranges(kind: Kind) -> None:
    fields = _good_and_bad(kind)
    values = [good for good, _ in fields]
    assert type(codec.decode(_row(kind.number, *values))) is kind.type
    for position, (_, wrong_ones) in enumerate(fields):
        for wrong in wrong_ones:
            with pytest.raises(WireError):
                codec.decode(_row(kind.number, *values[:position], wrong, *values[position + 1 :]))


def test_text_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(WireError):
        codec.decode(b"\x83\x18\x23\x61a\x61\xff")


def test_the_longest_text_passes() -> None:
    goodbye = messages.Goodbye("code", "x" * TEXT_MAX)
    assert codec.decode(codec.encode(goodbye)) == goodbye
