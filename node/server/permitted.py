"""What each role may ask of a node."""

from typing import Any

from node.wire.batches import ProposeAll, ReadAll
from node.wire.messages import (
    Cancel,
    ChangeMembers,
    Disturb,
    GetStatus,
    Propose,
    Read,
    ReadLog,
    Role,
    SetCompaction,
    SetFaults,
    Subscribe,
    TakeSnapshot,
    TransferLeadership,
    Watch,
)

_CLIENT = frozenset({Propose, ProposeAll, Read, ReadAll, Watch, Cancel})
_ADMIN = _CLIENT | {GetStatus, TransferLeadership, SetFaults, ReadLog}
_ADMIN |= {ChangeMembers, TakeSnapshot, SetCompaction, Disturb}
PERMITTED: dict[Role, frozenset[type[Any]]] = {
    "peer": frozenset(),  # peers speak Raft alone
    "client": _CLIENT,
    "admin": _ADMIN,
    "observer": frozenset({Subscribe, GetStatus, Cancel}),
}
