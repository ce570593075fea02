"""Log entries as CBOR: [term, entries] for each run of one term, as nearly all are of one. An entry
is null, bytes, or a configuration as a map.

The map is `Configuration.to_map`: what the log, a snapshot and the disk hold of a configuration is
the same everywhere.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import cbor2

from node.raft.configuration import Configuration
from node.raft.errors import ConfigurationError
from node.raft.messages import LogEntry, entries_of_term, term_of, value_of
from node.wire.cbor import INTEGER_MAX, CborError, load_plain

ADDRESS_MAX = 4096
"""Characters of a member's address."""
ENTRY_OVERHEAD_BYTES = 16
"""What a command takes in a frame beside its own bytes, at most."""
_DEPTH_MAX = 2
_PLAIN = {bytes, type(None)}


class EntryError(Exception):
    """What no correct node puts into a log."""


def command_sizes(values: Iterable[Any]) -> list[int]:
    """The bytes of each command among what entries hold; 0 for what is none."""
    return [len(value) if type(value) is bytes else 0 for value in values]


def write_entries(entries: Sequence[LogEntry]) -> list[tuple[int, Sequence[Any]]]:
    """The entries as runs; configurations are left for `write_entry`."""
    if not entries:
        return []
    terms = list(map(term_of, entries))
    if terms.count(terms[0]) == len(terms):  # a third of the time that looking for runs takes
        return [(terms[0], list(map(value_of, entries)))]
    return [(term, list(map(value_of, run))) for term, run in groupby(entries, key=term_of)]


def read_entries(runs: Sequence[Any]) -> list[LogEntry]:
    """The entries in a decoded array of runs. Raises EntryError for any that is none."""
    entries: list[LogEntry] = []
    for run in runs:
        if type(run) is not list or len(run) != 2 or type(run[1]) is not list:
            raise EntryError("a run is not a term and entries")
        term, values = run
        if type(term) is not int or not 0 <= term <= INTEGER_MAX:
            raise EntryError("an entry's term is of a wrong type or out of range")
        if not set(map(type, values)) <= _PLAIN:
            values = map(_read_entry, values)
        entries += entries_of_term(term, values)
    return entries


def _read_entry(value: object) -> object:
    if value is None or type(value) is bytes:
        return value
    configuration = read_configuration(value)
    if not configuration.voters:
        raise EntryError("a configuration of the log without voters")
    return configuration


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
