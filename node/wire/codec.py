"""Messages as bytes: one CBOR array a message, its kind's number first, then its fields in order.

What comes from a socket may be anything. `decode` checks the kind, the number of fields and each
field's type and range before a message exists, by a table that is made from the classes once:
a message that comes out of here has the types that its class says.
"""

import typing
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import cbor2

from node.raft import messages as raft
from node.raft.messages import Message
from node.wire import messages as wire
from node.wire.cbor import INTEGER_MAX, CborError, PlainReaders
from node.wire.entries import EntryError, read_entries, write_entries, write_entry
from node.wire.framing import frame
from node.wire.messages import WireMessage

TEXT_MAX = 4096
DIGEST_BYTES_MAX = 64
DEPTH_MAX = 16
_RAFT_BASE = 1
_WIRE_BASE = 32
_ID_PLACE = 3
"""In an encoded message: behind the array's head of one byte, and its kind's number of two."""


class WireError(Exception):
    """Bytes that are not a message of this protocol version."""


Check = Callable[[Any], bool]


def _is_integer(value: Any) -> bool:  # noqa: ANN401 - whatever came out of CBOR
    return type(value) is int and 0 <= value <= INTEGER_MAX


def _is_text(value: Any) -> bool:  # noqa: ANN401
    return type(value) is str and len(value) <= TEXT_MAX


def _is_map(value: Any) -> bool:  # noqa: ANN401
    return type(value) is dict and _is_plain(value)


_ATOMS = frozenset({type(None), int, float, bool, bytes})


def _is_plain(value: Any) -> bool:  # noqa: ANN401
    """What JSON knows, and bytes: of the rest of CBOR nothing may get into a document.

    Most of what a stream's frames hold passes here, so it makes no call for an atom.
    """
    if type(value) is dict:
        if not all(map(_is_text, value)):
            return False
        items: Iterable[Any] = value.values()
    elif type(value) is list:
        items = value
    else:
        return type(value) in _ATOMS or _is_text(value)
    return all(type(item) in _ATOMS or _is_plain(item) for item in items)


def _is_list_of(check: Check) -> Check:
    return lambda value: type(value) is list and all(map(check, value))


_SIMPLE: dict[Any, Check] = {
    int: _is_integer,
    str: _is_text,
    bytes: lambda value: type(value) is bytes,
    bool: lambda value: type(value) is bool,
    int | None: lambda value: value is None or _is_integer(value),
    list[bytes]: _is_list_of(lambda value: type(value) is bytes),
    dict[str, Any]: _is_map,
    list[dict[str, Any]]: _is_list_of(_is_map),
}


def _check_of(annotation: Any) -> Check:  # noqa: ANN401
    if typing.get_origin(annotation) is typing.Literal:
        allowed = typing.get_args(annotation)
        return lambda value: type(value) is str and value in allowed
    return _SIMPLE[annotation]


_SPECIAL: dict[tuple[type[Any], str], Check] = {
    # The entries themselves are looked at when they are made, once for both.
    (raft.AppendEntries, "entries"): lambda value: type(value) is list,
    (raft.ForwardProposal, "entry"): lambda value: type(value) is bytes,
    (raft.InstallSnapshot, "digest"): (
        lambda value: type(value) is bytes and len(value) <= DIGEST_BYTES_MAX
    ),
}


class Kind(NamedTuple):
    """One type of message: its number on the wire, and the name and check of each field.

    `integers` are the places of the fields that are whole numbers and no more than that, as most
    are, which are checked without a call each; `others` the places and checks of the rest.
    """

    number: int
    type: type[Any]
    fields: tuple[tuple[str, Check], ...]
    integers: tuple[int, ...]
    others: tuple[tuple[int, Check], ...]


def _kind(number: int, message_type: type[Any]) -> Kind:
    fields = tuple(
        (name, _SPECIAL.get((message_type, name)) or _check_of(hint))
        for name, hint in message_type.__annotations__.items()
    )
    checks = tuple((place, check) for place, (_, check) in enumerate(fields, 1))
    return Kind(
        number,
        message_type,
        fields,
        integers=tuple(place for place, check in checks if check is _is_integer),
        others=tuple((place, check) for place, check in checks if check is not _is_integer),
    )


KINDS: tuple[Kind, ...] = (
    *(_kind(n, t) for n, t in enumerate(typing.get_args(raft.Message), _RAFT_BASE)),
    *(_kind(n, t) for n, t in enumerate(typing.get_args(wire.WireMessage), _WIRE_BASE)),
)
_BY_NUMBER = {kind.number: kind for kind in KINDS}


def _values_of(kind: Kind) -> Callable[[Any], Iterable[Any]]:
    """What gives a message's values in order: all are tuples, of which one holds entries, that are
    written in runs.
    """
    if kind.type is raft.AppendEntries:
        return lambda message: (*message[:4], write_entries(message.entries), *message[5:])
    return iter


_BY_TYPE = {kind.type: (kind.number, _values_of(kind)) for kind in KINDS}


_READERS = PlainReaders(DEPTH_MAX)


def number_of(message_type: type[Any]) -> int:
    """What messages of that type begin with."""
    return _BY_TYPE[message_type][0]


def encode(message: Message | WireMessage) -> bytes:
    """The message as one CBOR array."""
    number, values_of = _BY_TYPE[type(message)]
    return cbor2.dumps((number, *values_of(message)), default=write_entry)


def with_id(payload: bytes, request_id: int) -> bytes:
    """An encoded frame of a stream whose id is 0, with that id instead: encoded once for all."""
    assert payload[_ID_PLACE] == 0, "a message of a kind from 24 on, with the id 0 first"
    return payload[:_ID_PLACE] + cbor2.dumps(request_id) + payload[_ID_PLACE + 1 :]


def encode_frame(message: Message | WireMessage) -> bytes:
    """The message as a frame, ready for a socket."""
    return frame(encode(message))


def decode(payload: bytes) -> Message | WireMessage:
    """The message in `payload`, the inside of one frame.

    Raises WireError for anything but exactly one message of this version.
    """
    try:
        values = _READERS.read(payload)
    except CborError as error:
        raise WireError(str(error)) from error
    if type(values) is not list or not values or type(values[0]) is not int:
        raise WireError("not an array with a kind")
    kind = _BY_NUMBER.get(values[0])
    if kind is None:
        raise WireError(f"unknown kind {values[0]}")
    if len(values) != len(kind.fields) + 1:
        raise WireError(f"{kind.type.__name__} with {len(values) - 1} fields")
    for place in kind.integers:
        value = values[place]
        if type(value) is not int or not 0 <= value <= INTEGER_MAX:
            raise _refusal(kind, place)
    for place, check in kind.others:
        if not check(values[place]):
            raise _refusal(kind, place)
    if kind.type is raft.AppendEntries:
        try:
            values[5] = read_entries(values[5])
        except EntryError as error:
            raise WireError(f"AppendEntries.entries: {error}") from error
    message: Message | WireMessage = kind.type(*values[1:])
    return message


def _refusal(kind: Kind, place: int) -> WireError:
    name, _ = kind.fields[place - 1]
    return WireError(f"{kind.type.__name__}.{name} is of a wrong type or out of range")


def version_of_hello(payload: bytes) -> int | None:
    """The protocol version of a Hello, also of one that has other fields; None for all else."""
    try:
        values = _READERS.read(payload)
    except CborError:
        return None
    number = number_of(wire.Hello)
    if type(values) is list and len(values) > 1 and values[0] == number and _is_integer(values[1]):
        version: int = values[1]
        return version
    return None
