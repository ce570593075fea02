"""Log entries as CBOR: [term, entry], where an entry is null, bytes, or a configuration as a map.

The map is `Configuration.to_map`: what the log, a snapshot and the disk hold of a configuration is
the same everywhere.
"""

from collections.abc import Sequence
from typing import Any

import cbor2

from node.raft.configuration import Configuration
from node.raft.errors import ConfigurationError
from node.raft.messages import LogEntry
from node.wire.cbor import INTEGER_MAX, CborError, load_plain

ADDRESS_MAX = 4096
"""Characters of a member's address."""
ENTRY_OVERHEAD_BYTES = 16
"""What a command takes in a frame beside its own bytes, at most."""
_DEPTH_MAX = 2


class EntryError(Exception):
    """What no correct node puts into a log."""


def size_in_frame(command: bytes) -> int:
    """The bytes that a command takes in an append, at most."""
    return len(command) + ENTRY_OVERHEAD_BYTES


def read_entries(values: Sequence[Any]) -> list[LogEntry]:
    """The entries in a decoded array. Raises EntryError for any that is none."""
    entries = []
    for value in values:
        if type(value) is not list or len(value) != 2:
            raise EntryError("an entry is not a term and a value")
        term, entry = value
        if type(term) is not int or not 0 <= term <= INTEGER_MAX:
            raise EntryError("an entry's term is of a wrong type or out of range")
        if entry is not None and type(entry) is not bytes:
            entry = read_configuration(entry)
            if not entry.voters:
                raise EntryError("a configuration of the log without voters")
        entries.append(LogEntry(term, entry))
    return entries


def read_configuration(document: object) -> Configuration:
    """The configuration in a decoded map. Raises EntryError."""
    try:
        configuration = Configuration.from_map(document)
    except (ConfigurationError, ValueError) as error:
        raise EntryError(f"not a configuration: {error}") from error
    if any(member > INTEGER_MAX for member in configuration.members):
        raise EntryError("a member's number is out of range")
    if any(len(address) > ADDRESS_MAX for _, address in configuration.addresses):
        raise EntryError("a member's address is too long")
    return configuration


def encode_configuration(configuration: Configuration) -> bytes:
    """As CBOR, the same bytes for the same configuration on every node."""
    return cbor2.dumps(configuration.to_map(), canonical=True)


def decode_configuration(data: bytes) -> Configuration:
    """The inverse of `encode_configuration`. Raises EntryError."""
    try:
        return read_configuration(load_plain(data, _DEPTH_MAX))
    except CborError as error:
        raise EntryError(str(error)) from error


def write_entry(encoder: cbor2.CBOREncoder, value: object) -> None:
    """What the encoder calls for a value that CBOR does not know. Raises TypeError but for one."""
    if not isinstance(value, Configuration):
        raise TypeError(f"{type(value).__name__} cannot be sent")
    encoder.encode(value.to_map())
