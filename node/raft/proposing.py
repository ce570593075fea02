"""New entries on the leader, and how much it takes without a majority.

A leader that is cut off cannot know it at once, and would take entries without end. So both their
number and their bytes are bounded until they are committed.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from node.raft.config import CoreConfig
from node.raft.configuration import Configuration
from node.raft.errors import NotLeaderError, ProposalDroppedError, RemoteProtocolError
from node.raft.messages import ForwardProposal, LogEntry, ProposalRefused, entries_of_term, value_of
from node.raft.roles import Leader

if TYPE_CHECKING:
    from node.raft.core import RaftCore


_OWN_TYPES = {type(None), Configuration}
CONFIGURATION_BYTES = 4096
"""What the entry of a configuration counts for."""


def propose(core: "RaftCore", entries: Sequence[Any]) -> int:
    """Append `entries` on the leader, in one piece, and give the index of the first.

    Raises NotLeaderError; ProposalDroppedError when too much is uncommitted or leadership is being
    transferred; ValueError for no entries, and for None, which stands for the no-op.
    """
    if not entries:
        raise ValueError("there is no entry to append")
    if not _OWN_TYPES.isdisjoint(map(type, entries)):
        raise ValueError("no-ops and configurations are the algorithm's own entries")
    leader = core.role
    if not isinstance(leader, Leader):
        raise NotLeaderError(core.leader_id)
    if leader.transfer is not None:
        raise ProposalDroppedError("leadership is being transferred")
    size = sum(_sizes(core.config, entries))
    _check_room(core, leader, len(entries), size)
    leader.uncommitted_bytes += size
    first = core.log.last_index + 1
    core.log.append(entries_of_term(core.term, entries))
    return first


def forward(core: "RaftCore", proposal_id: int, entry: object) -> None:
    """Hand an entry to the leader; see `RaftCore.forward`."""
    leader_id = core.leader_id
    if leader_id is None or leader_id == core.id:
        raise NotLeaderError(None)
    core.send(leader_id, ForwardProposal(core.term, core.id, proposal_id, entry))


def handle_forwarded(core: "RaftCore", message: ForwardProposal) -> None:
    """As if it had been proposed here; whoever sent it sees it in the log, or hears that not."""
    try:
        propose(core, [message.entry])
        assert isinstance(core.role, Leader), "others take no proposal"
        core.role.hears_at_once(message.proposer_id)
    except (NotLeaderError, ProposalDroppedError):
        refuse(core, message)
    except ValueError as error:
        raise RemoteProtocolError(f"{message.proposer_id} forwards no entry: {error}") from error


def refuse(core: "RaftCore", message: ForwardProposal) -> None:
    core.send(message.proposer_id, ProposalRefused(core.term, core.id, message.proposal_id))


def _check_room(core: "RaftCore", leader: Leader, count: int, size: int) -> None:
    open_entries = core.log.last_index - core.commit_index
    if open_entries and open_entries + count > core.config.uncommitted_max:
        raise ProposalDroppedError(f"{open_entries} entries are not committed yet")
    open_bytes = leader.uncommitted_bytes
    if open_bytes and open_bytes + size > core.config.uncommitted_bytes_max:
        raise ProposalDroppedError(f"{open_bytes} bytes are not committed yet")


def committed(core: "RaftCore", leader: Leader, index: int) -> None:
    """Everything up to `index`, above the commit index so far, makes room."""
    if index == core.log.last_index:
        leader.uncommitted_bytes = 0
        return
    first = max(core.commit_index, leader.first_index) + 1
    leader.uncommitted_bytes -= sum(sizes_of(core.config, core.log.entries(first, index)))


def sizes_of(config: CoreConfig, entries: Sequence[LogEntry]) -> list[int]:
    """The bytes of each entry, where the host measures them: it knows its own, not ours."""
    values = list(map(value_of, entries))
    if config.entry_size is None or _OWN_TYPES.isdisjoint(map(type, values)):
        return _sizes(config, values)
    return [size_of(config, value) for value in values]


def size_of(config: CoreConfig, entry: object) -> int:
    """As `sizes_of`, of what one entry holds."""
    if config.entry_size is None or entry is None:
        return 0
    if type(entry) is Configuration:
        return CONFIGURATION_BYTES
    return config.entry_size(entry) + config.entry_overhead


def _sizes(config: CoreConfig, values: Sequence[Any]) -> list[int]:
    """Of the host's own entries only."""
    if config.entry_size is None:
        return [0] * len(values)
    overhead = config.entry_overhead
    return [size + overhead for size in map(config.entry_size, values)]
