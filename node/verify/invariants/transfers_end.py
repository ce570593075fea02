"""Leadership that is being handed over."""

from node.raft.roles import Leader
from node.verify.facts import Facts
from node.verify.observation import Member, Members, Violation


class TransfersEnd:
    """A transfer of leadership takes an election timeout at most: then the leader gives it up, and
    takes proposals again (thesis 3.10).

    It refuses them meanwhile, so a transfer to a node that is gone would stop the cluster for good.
    The time is the leader's own, that of its last heartbeat; an election timeout more is let pass.
    """

    __slots__ = ()

    def __init__(self, members: Members, facts: Facts) -> None:
        pass

    def turned(self, member: Member) -> None:
        core = member.core
        if core.transferring_to is None:
            return
        leader = core.role
        if not isinstance(leader, Leader) or leader.transfer is None:
            return
        config = core.config
        late_us = leader.heartbeat_deadline - config.heartbeat_us - leader.transfer.deadline
        if late_us > config.election_timeout_us:
            text = (
                f"hands over to n{leader.transfer.target_id} and has not given up "
                f"{late_us} us after the time for that"
            )
            raise Violation("transfers_end", member.id, text)
