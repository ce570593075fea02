"""Raft, as building blocks: bring storage, transport and a state machine.

`Raft` is the whole of it over callbacks; `RaftCore`, in `node.raft.core`, is the same as batches of
effects. Nothing in here does I/O, waits, or looks at a clock of its own.
"""

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
