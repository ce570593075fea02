"""Raft, as building blocks: bring storage, transport and a state machine.

`Raft` is the whole of it over callbacks; `RaftCore`, in `node.raft.core`, is the same as batches of
effects. Nothing in here does I/O, waits, or looks at a clock of its own.

A name is looked for when it is first asked for: whoever wants one module of the library, as every
command wants `configuration`, does not pay for all of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from node.raft.callbacks import Callbacks, Members, Snapshots, Syncs
    from node.raft.config import InitialState
    from node.raft.configuration import AddLearner, Change, Configuration, Demote, Promote, Remove
    from node.raft.entrystate import EntryState
    from node.raft.errors import (
        ChangePendingError,
        ConfigurationError,
        DamagedSnapshotError,
        LocalProtocolError,
        NotCaughtUpError,
        NotLeaderError,
        ProposalDroppedError,
        ProtocolError,
        RaftError,
        RemoteProtocolError,
        StoppedError,
    )
    from node.raft.library import Config, Raft
    from node.raft.log import EntryId
    from node.raft.messages import (
        AppendEntries,
        AppendEntriesResponse,
        ForwardProposal,
        InstallSnapshot,
        InstallSnapshotResponse,
        LogEntry,
        Message,
        ProposalRefused,
        ReadIndexRequest,
        ReadIndexResponse,
        RequestPreVote,
        RequestPreVoteResponse,
        RequestVote,
        RequestVoteResponse,
        StaleTerm,
        TimeoutNow,
        sender_of,
    )
    from node.raft.snapshot import ReceivedChunk, Snapshot, SnapshotId

__all__ = [
    "AddLearner",
    "AppendEntries",
    "AppendEntriesResponse",
    "Callbacks",
    "Change",
    "ChangePendingError",
    "Config",
    "Configuration",
    "ConfigurationError",
    "DamagedSnapshotError",
    "Demote",
    "EntryId",
    "EntryState",
    "ForwardProposal",
    "InitialState",
    "InstallSnapshot",
    "InstallSnapshotResponse",
    "LocalProtocolError",
    "LogEntry",
    "Members",
    "Message",
    "NotCaughtUpError",
    "NotLeaderError",
    "Promote",
    "ProposalDroppedError",
    "ProposalRefused",
    "ProtocolError",
    "Raft",
    "RaftError",
    "ReadIndexRequest",
    "ReadIndexResponse",
    "ReceivedChunk",
    "RemoteProtocolError",
    "Remove",
    "RequestPreVote",
    "RequestPreVoteResponse",
    "RequestVote",
    "RequestVoteResponse",
    "Snapshot",
    "SnapshotId",
    "Snapshots",
    "StaleTerm",
    "StoppedError",
    "Syncs",
    "TimeoutNow",
    "sender_of",
]

_HOMES = (
    "errors", "configuration", "entrystate", "log", "snapshot", "messages", "config", "callbacks",
    "library",
)  # fmt: skip
"""Where these names are, what costs least first."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - each name is of its own type
    if name in __all__:
        for home in _HOMES:
            found = vars(import_module(f"{__name__}.{home}"))
            if name in found:
                globals()[name] = found[name]
                return found[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
