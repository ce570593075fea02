"""`committed.json`: which commands took effect, and at which entry of the log.

Clients that were not answered do not know what came of a command; the log does. What is in it up to
an entry that was asked for when every client had ended decides: what was applied before an answer
was given stands in front of that entry, so a command that does not, had no part in any answer. It
may be committed later, if it is still under way somewhere.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from node.client.blocking import Client
from node.client.errors import ClientError
from node.machines import kv
from node.machines.kv import KvMachine
from node.raft.messages import LogEntry
from node.raft.ready import Ready
from node.replica.sessions import Sessions
from node.verify.commands import CommandId
from node.verify.observation import Member
from node.wire.envelope import (
    HEADER_BYTES,
    ApplyError,
    SessionExpiredError,
    error_result,
    ok_result,
    read_header,
    read_result,
    unseal,
)
from raftctl.chaos.folders import RunFolder
from raftctl.chaos.probes import key_of
from raftctl.cluster.directory import Cluster
from raftctl.cluster.nodelogs import NodeLog, read_node
from raftctl.errors import CliError

BARRIER_SECONDS = 5.0
ENTRIES_MAX = 200_000
"""Of a log that is read: more take longer than a run's verdict should."""


@dataclass(frozen=True, slots=True)
class Committed:
    """`commands`: the entry at which each took effect; None where that is not known, and why."""

    commands: dict[CommandId, int] | None = None
    why_not: str = ""


def write_committed(folder: RunFolder, committed: Committed) -> None:
    """Nothing where it is not known. Raises OSError."""
    if committed.commands is not None:
        rows = [[*command, index] for command, index in committed.commands.items()]
        folder.committed.write_text(json.dumps({"commands": rows}) + "\n", encoding="utf-8")


def committed_in(cluster: Cluster, mark: str = "") -> Committed:
    """By the log of one of its nodes. Only when no client asks for anything any more. `mark`: what
    a run's keys have in them.
    """
    end = kv.put(key_of("end", mark), secrets.token_bytes(16))
    try:
        with Client(cluster.address, timeout=BARRIER_SECONDS) as client:
            index = client.propose(end).index
    except ClientError as error:
        return Committed(why_not=f"the log could not be read to its end: {error.message}")
    return committed_before(cluster, index, end)


def committed_before(cluster: Cluster, index: int, mark: bytes) -> Committed:
    """By the log of a node that holds all up to that entry, in which `mark` was committed."""
    if index > ENTRIES_MAX:
        return Committed(why_not=f"the log has more than {ENTRIES_MAX:,} entries")
    for node in cluster.spec.nodes:
        try:
            log = read_node(cluster, node.id)
        except CliError:
            continue  # `log verify` says what is wrong with it
        if _is_whole(log, index, mark):
            return Committed(effects_in(log.stored.log[:index]))
    return Committed(why_not="no node has all of the log: snapshots stand for its beginning")


def _is_whole(log: NodeLog, index: int, mark: bytes) -> bool:
    """Whether it holds everything up to that entry, which holds that payload."""
    entry = log.entry_at(index)
    if log.base.index or entry is None or not isinstance(entry.entry, bytes):
        return False
    return entry.entry[HEADER_BYTES:] == mark


def effects_in(log: Sequence[LogEntry]) -> dict[CommandId, int]:
    """The commands in a log from its first entry on that took effect, as every node applies it."""
    machine, sessions = KvMachine(), Sessions()
    found: dict[CommandId, int] = {}
    for index, (_, entry) in enumerate(log, 1):
        if isinstance(entry, bytes) and len(entry) >= HEADER_BYTES:
            _apply(machine, sessions, entry, index, found)
    return found


def _apply(
    machine: KvMachine,
    sessions: Sessions,
    command: bytes,
    index: int,
    found: dict[CommandId, int],
) -> None:
    has_run = False

    def run(payload: bytes, index: int) -> bytes:
        nonlocal has_run
        has_run = True
        try:
            return ok_result(machine.apply(payload, index))
        except Exception as error:  # the command's result, as in a replica
            return error_result(type(error).__name__)

    (result,) = sessions.apply([command], index, run)
    try:
        body = read_result(result)
    except (ApplyError, SessionExpiredError):
        return
    if has_run and took_effect(body):
        client_id, sequence, *_ = read_header(command)
        found[client_id, sequence] = index


def took_effect(result: bytes) -> bool:
    """By the machine's answer: a compare and set that found something else did not."""
    match kv.decode_result(result):
        case [bool(is_done), _]:
            return is_done
        case _:
            return True


@dataclass(slots=True)
class Effects:
    """The same of a simulated cluster, by what its nodes apply: an observer."""

    _at: dict[int, CommandId] = field(default_factory=dict)
    """By index, the commands in entries that any node applied."""
    _had_effect: set[int] = field(default_factory=set)

    def executed(self, member: Member, index: int, command: bytes, result: bytes) -> None:
        if took_effect(result):
            self._had_effect.add(index)

    def applied(self, member: Member, ready: Ready) -> None:
        for index, (_, entry) in enumerate(ready.committed, ready.committed_first_index):
            if index not in self._at and isinstance(entry, bytes) and len(entry) >= HEADER_BYTES:
                header, _ = unseal(entry)
                self._at[index] = header.client_id, header.sequence

    def commands(self) -> dict[CommandId, int]:
        return {self._at[index]: index for index in sorted(self._had_effect & self._at.keys())}
