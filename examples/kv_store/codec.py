"""Messages and entries as bytes: a line of JSON, then the bytes of the entries it speaks of.

The same for the disk and for the wire. What comes in is checked, whoever sent it: `unpack` and
`decode_message` raise ValueError for anything that their counterparts do not make.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard, get_args, get_type_hints

from examples.kv_store.store import COMMAND_BYTES_MAX
from node.raft import AppendEntries, LogEntry, Message

NUMBER_MAX = 2**63 - 1
"""Terms and indices stay below."""

ENTRY_OVERHEAD = 48
"""The bytes that an entry takes in the line of JSON, at the most: a term and a length."""

MESSAGE_BYTES_MAX = 2 * 1024 * 1024
"""Raft fills a message up to 1 MiB as `entry_size` measures, or with one entry alone, which is a
little more at the most. No-ops are not measured: there are at most 4096 of them in a message, which
is less than 200 KiB. So every message fits.
"""

_SENDER_FIELDS = {"candidate_id", "leader_id", "requester_id", "responder_id"}
_MESSAGE_TYPES: dict[object, Any] = {each.__name__: each for each in get_args(Message)}


def entry_size(command: bytes) -> int:
    """What Raft bounds its messages by."""
    return len(command) + ENTRY_OVERHEAD


def pack(document: Mapping[str, object], entries: Sequence[LogEntry]) -> bytes:
    sizes = [[each.term, None if each.entry is None else len(each.entry)] for each in entries]
    line = json.dumps({**document, "entries": sizes}, separators=(",", ":"))
    return b"".join([line.encode(), b"\n", *(each.entry or b"" for each in entries)])


def unpack(data: bytes) -> tuple[dict[str, Any], list[LogEntry]]:
    """What `pack` was given. Raises ValueError."""
    line, _, rest = data.partition(b"\n")
    try:
        document = json.loads(line)
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("no JSON object")
    entries = []
    for size in _list(document.pop("entries", None)):
        term, length = _pair(size)
        if length is None:
            entries.append(LogEntry(term, None))
            continue
        entries.append(LogEntry(term, rest[:length]))
        if len(rest) < length or length > COMMAND_BYTES_MAX:
            raise ValueError(f"no entry of {length} bytes")
        rest = rest[length:]
    if rest:
        raise ValueError(f"{len(rest)} bytes too many")
    return document, entries


def encode_message(message: Message) -> bytes:
    document = message._asdict()
    entries = document.pop("entries", ())
    return pack({"message": type(message).__name__, **document}, entries)


def decode_message(data: bytes) -> Message:
    """Raises ValueError. Whether the message makes sense is for Raft to say."""
    document, entries = unpack(data)
    name = document.pop("message", None)
    kind = _MESSAGE_TYPES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError(f"there is no message {name!r}")
    expected = get_type_hints(kind)
    if expected.pop("entries", None) is None and entries:
        raise ValueError(f"{name} holds no entries")
    if document.keys() != expected.keys():
        raise ValueError(f"{name} with fields {sorted(document)}")
    for field, hint in expected.items():
        if not _fits(document[field], hint):
            raise ValueError(f"{name} with {field} {document[field]!r}")
    if kind is AppendEntries:
        return AppendEntries(**document, entries=entries)
    message: Message = kind(**document)
    return message


def sender_of(message: Message) -> int:
    """Who says that it is from whom: each message has one field for that."""
    (name,) = _SENDER_FIELDS.intersection(message._fields)
    sender: int = getattr(message, name)
    return sender


def _fits(value: object, hint: object) -> bool:
    if value is None:
        return hint == int | None
    if isinstance(value, bool):
        return hint is bool
    return hint in (int, int | None) and _is_number(value)


def _is_number(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= NUMBER_MAX


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError("no list of entries")
    return value


def _pair(value: object) -> tuple[int, int | None]:
    match value:
        case [term, length] if _is_number(term) and (length is None or _is_number(length)):
            return term, length
        case _:
            raise ValueError(f"no term and length: {value!r}")
