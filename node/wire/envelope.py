"""What an entry of the log holds, and what comes back: bytes that only clients and machines read.

A command is a session header of 32 bytes, four unsigned integers of eight bytes, big endian, and
then the machine's own bytes. The client seals it once; until `apply` nobody looks inside.

    client_id     random; the first command of an unknown id opens its session
    sequence      counts the client's commands; a retry repeats it
    acked_below   the client has the results of all lower sequences
    born_at       the log index that the client saw before its first command

A result is one byte, and then its body.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

_HEADER = struct.Struct(">QQQQ")
HEADER_BYTES = _HEADER.size
read_header = _HEADER.unpack_from
"""The four numbers of a command."""
NO_HEADER = struct.error, TypeError
"""What it raises for bytes that are fewer, and for what is not bytes."""

OK = b"\x00"
"""In front of what the machine answered."""
_ERROR = b"\x01"
EXPIRED_RESULT = b"\x02"


class EnvelopeError(Exception):
    """Bytes that are not a sealed command, or not a result."""


class ApplyError(Exception):
    """The machine raised; `name` is the exception's type, the same on every node."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the state machine raised {name}")
        self.name = name


class SessionExpiredError(Exception):
    """The client's session was evicted: this attempt was not applied, an earlier one may have."""


class Header(NamedTuple):
    client_id: int
    sequence: int
    acked_below: int
    born_at: int


_new_header = tuple.__new__
"""As `Header._make`, without its own call for each command of a log."""


def seal(header: Header, payload: bytes) -> bytes:
    """One command: the header and the machine's bytes."""
    return _HEADER.pack(*header) + payload


def seal_all(header: Header, payloads: Iterable[bytes]) -> list[bytes]:
    """A command for each payload, numbered from the header's sequence on."""
    client_id, first, acked_below, born_at = header
    pack = _HEADER.pack
    return [
        pack(client_id, sequence, acked_below, born_at) + payload
        for sequence, payload in enumerate(payloads, first)
    ]


def unseal(command: bytes) -> tuple[Header, bytes]:
    """The inverse of `seal`. Raises EnvelopeError."""
    if len(command) < HEADER_BYTES:
        raise EnvelopeError(f"a command of {len(command)} bytes is shorter than its header")
    return _new_header(Header, _HEADER.unpack_from(command)), command[HEADER_BYTES:]


def ok_result(body: bytes) -> bytes:
    return OK + body


def error_result(name: str) -> bytes:
    return _ERROR + name.encode()


def is_ok(result: bytes) -> bool:
    """Whether the machine answered."""
    return result.startswith(OK)


def read_result(result: bytes) -> bytes:
    """The machine's answer. Raises ApplyError, SessionExpiredError, EnvelopeError."""
    match result[:1]:
        case b"\x00":
            return result[1:]
        case b"\x01":
            raise ApplyError(result[1:].decode(errors="replace"))
        case b"\x02" if len(result) == 1:
            raise SessionExpiredError
        case _:
            raise EnvelopeError("not a result")
