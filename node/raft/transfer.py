"""Leadership transfer: the leader picks its successor (thesis 3.10).

The successor is first brought up to date, while proposals are dropped, then told to campaign at
once. All of it takes at most one election timeout: whatever goes wrong, the flag is cleared and the
leader takes proposals again.
"""

from typing import TYPE_CHECKING

from node.raft import election, sparing
from node.raft.errors import NotLeaderError
from node.raft.events import TransferEnded, TransferStarted
from node.raft.messages import TimeoutNow
from node.raft.roles import Follower, Leader, Transfer

if TYPE_CHECKING:
    from node.raft.core import RaftCore


def transfer_leadership(core: "RaftCore", target_id: int, now: int) -> None:
    """Hand leadership to `target_id`; a transfer to another node is given up for it.

    Raises NotLeaderError, and ValueError for a target that is not a peer.
    """
    leader = core.role
    if not isinstance(leader, Leader):
        raise NotLeaderError(core.leader_id)
    if target_id == core.id or target_id not in core.configuration.voters:
        raise ValueError(f"{target_id} is not another voter")
    if leader.transfer is not None:
        if leader.transfer.target_id == target_id:
            return
        end_transfer(core, leader, ok=False)
    sparing.end(leader)
    leader.transfer = Transfer(target_id, now + core.config.election_timeout_us)
    core.emit(TransferStarted(core.term, target_id))
    maybe_hand_over(core, leader, target_id)


def maybe_hand_over(core: "RaftCore", leader: Leader, peer_id: int) -> None:
    """Tell the target to campaign, as soon as it holds the whole log.

    Each further answer of the target repeats this, in case the message was lost.
    """
    transfer = leader.transfer
    if transfer is None or transfer.target_id != peer_id:
        return
    if leader.progress[peer_id].match_index == core.log.last_index:
        leader.may_lease = False
        core.send(peer_id, _timeout_now(core))


def _timeout_now(core: "RaftCore") -> TimeoutNow:
    return TimeoutNow(core.term, core.id)


def best_successor(core: "RaftCore") -> int | None:
    """The voter that holds most of the log; of several the one that was heard last, since in a
    quiet cluster those that died hold as much. None: there is no other voter, or no leader.
    """
    progress = core.progress

    def fitness(voter: int) -> tuple[int, int, int]:
        heard_at = progress[voter].heard_at
        return progress[voter].match_index, -1 if heard_at is None else heard_at, -voter

    return max(core.configuration.voters & progress.keys(), key=fitness, default=None)


def name_successor(core: "RaftCore") -> None:
    """A leader that goes for good tells the one that fits best to campaign at once."""
    successor = best_successor(core)
    if successor is not None:
        core.send(successor, _timeout_now(core))


def end_transfer(core: "RaftCore", leader: Leader, ok: bool) -> None:
    if leader.transfer is not None:
        core.emit(TransferEnded(core.term, leader.transfer.target_id, ok))
        leader.transfer = None


def handle_timeout_now(core: "RaftCore", message: TimeoutNow, now: int) -> None:
    """The leader hands over: no pre-vote, and its followers need not wait for its silence."""
    is_of_leader = isinstance(core.role, Follower) and core.role.leader_id == message.leader_id
    if core.voting and is_of_leader and core.is_voter:
        election.start_election(core, now, leadership_transfer=True)
