"""Raft, as building blocks: bring storage, transport and a state machine.

`Raft` is the whole of it over callbacks; `RaftCore`, in `node.raft.core`, is the same as batches of
effects. Nothing in here does I/O, waits, or looks at a clock of its own.
"""

from node.raft.config import InitialState
from node.raft.errors import (
    LocalProtocolError,
    NotLeaderError,
    ProposalDroppedError,
    ProtocolError,
    RaftError,
    RemoteProtocolError,
    StoppedError,
)
from node.raft.library import Callbacks, Config, EntryState, Raft, Syncs
from node.raft.log import EntryId
from node.raft.messages import (
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

__all__ = [
    "AppendEntries",
    "AppendEntriesResponse",
    "Callbacks",
    "Config",
    "EntryId",
    "EntryState",
    "InitialState",
    "LocalProtocolError",
    "LogEntry",
    "Message",
    "NotLeaderError",
    "ProposalDroppedError",
    "ProtocolError",
    "Raft",
    "RaftError",
    "ReadIndexRequest",
    "ReadIndexResponse",
    "RemoteProtocolError",
    "RequestPreVote",
    "RequestPreVoteResponse",
    "RequestVote",
    "RequestVoteResponse",
    "StaleTerm",
    "StoppedError",
    "Syncs",
    "TimeoutNow",
]
