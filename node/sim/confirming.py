"""What a leader sent and who answered it: by that reads are confirmed, and leases begin.

Counted here anew, from the messages alone, since how the core counts is among what is checked. An
answer counts from when it leaves, which is before its leader can count on it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from node.raft.configuration import Configuration
from node.raft.events import LeaderElected
from node.raft.messages import (
    AppendEntries,
    AppendEntriesResponse,
    InstallSnapshot,
    InstallSnapshotResponse,
    TimeoutNow,
)
from node.sim.host import Host
from node.verify.memberships import has_quorum
from node.verify.observation import Member, Operation, Violation

SENT_MAX = 4096
"""Of at least so many latest messages of a leader is known when they left."""


class Moment(NamedTuple):
    """In microseconds: in virtual time, and by a leader's clock."""

    at: int
    shown: int


NEVER = Moment(-1, -1)


@dataclass(slots=True)
class Reign:
    """A leader in its term."""

    leader_id: int
    term: int
    configuration: Configuration
    """When it sent its last message."""
    moment: Moment = NEVER
    """Of that."""
    sent: dict[int, tuple[Moment, bool]] = field(default_factory=dict)
    """When messages left, and whether they claim a lease, by sequence."""
    answered: dict[int, Moment] = field(default_factory=dict)
    """By node: when the newest message left that it has answered."""
    claimed: dict[int, Moment] = field(default_factory=dict)
    """The same of those that claim a lease."""
    has_named_successor: bool = False

    def is_confirmed(self, configuration: Configuration, since: Moment) -> bool:
        """Whether a quorum has answered something that left no sooner than that, by both clocks."""
        return self._has_quorum(self.answered, configuration, since)

    def is_claimed(self, configuration: Configuration, since: Moment) -> bool:
        """Whether that something claims a lease."""
        return self._has_quorum(self.claimed, configuration, since)

    def _has_quorum(
        self, answered: Mapping[int, Moment], configuration: Configuration, since: Moment
    ) -> bool:
        def has_answered(node_id: int) -> bool:
            at, shown = answered.get(node_id, NEVER)
            return (at >= since.at and shown >= since.shown) or node_id == self.leader_id

        return has_quorum(configuration, has_answered)

    def confirmed_at(self, now: int) -> int:
        """When the newest message left that a quorum has answered: now, if this node is alone."""
        times = [now, *sorted((each.at for each in self.answered.values()), reverse=True)]
        confirmed = (at for at in times if self.is_confirmed(self.configuration, Moment(at, -1)))
        return next(confirmed, NEVER.at)


class Confirmations:
    """An observer itself, in front of the rules that ask it. `now` gives the virtual time."""

    def __init__(self, hosts: Mapping[int, Host], now: Callable[[], int]) -> None:
        self.reigns: dict[int, Reign] = {}
        """The last one of each leader, the newest at the end."""
        self._hosts = hosts
        self._now = now
        self._confirmed_at = NEVER.at
        """In reigns that are over, and by members that were others."""

    def elected(self, member: Member, event: LeaderElected) -> None:
        before = self.reigns.pop(member.id, None)
        if before is not None:
            self._keep(before)
        self.reigns[member.id] = Reign(member.id, event.term, member.core.configuration)

    def sending(self, member: Member, to: int, message: Any) -> None:  # noqa: ANN401
        kind = type(message)
        if kind is AppendEntries or kind is InstallSnapshot:
            reign = self._reign(member.id, message.term)
            if reign is not None:
                now = self._now()
                if reign.moment.at != now:
                    self._begin_turn(reign, member, now)
                claims = kind is InstallSnapshot or message.claims_lease
                reign.sent[message.sequence] = reign.moment, claims
        elif kind is AppendEntriesResponse or kind is InstallSnapshotResponse:
            reign = self._reign(to, message.term)
            if reign is not None:
                moment, claims = reign.sent.get(message.sequence, (NEVER, False))
                if moment > reign.answered.get(member.id, NEVER):
                    reign.answered[member.id] = moment
                if claims and moment > reign.claimed.get(member.id, NEVER):
                    reign.claimed[member.id] = moment
        elif kind is TimeoutNow:
            reign = self._reign(member.id, message.term)
            if reign is not None:
                reign.has_named_successor = True

    def _reign(self, leader_id: int, term: int) -> Reign | None:
        """None: it is over, or nobody has heard of it."""
        reign = self.reigns.get(leader_id)
        return reign if reign is not None and reign.term == term else None

    def _begin_turn(self, reign: Reign, member: Member, now: int) -> None:
        """Messages leave, the first of a turn."""
        configuration = member.core.configuration
        if configuration is not reign.configuration:
            self._keep(reign)
            reign.configuration = configuration
        reign.moment = Moment(now, self._hosts[member.id].clock.now())
        if len(reign.sent) > 2 * SENT_MAX:
            for sequence in list(reign.sent)[:SENT_MAX]:
                del reign.sent[sequence]

    def _keep(self, reign: Reign) -> None:
        self._confirmed_at = max(self._confirmed_at, reign.confirmed_at(self._now()))

    def reaches(self, at: int) -> bool:
        """Whether a quorum has answered something that a leader sent at that time or later."""
        if self._confirmed_at >= at:
            return True
        since = Moment(at, -1)
        for reign in reversed(self.reigns.values()):
            core = self._hosts[reign.leader_id].core
            of_now = core.configuration if core.is_leader else reign.configuration
            if any(reign.is_confirmed(each, since) for each in (reign.configuration, of_now)):
                return True
        return False


class ReadsAreConfirmed:
    """Before a linearizable read is answered, a majority has answered something that its leader
    sent after the read was asked: until then somebody else may lead (thesis 6.4).

    A read that comes out stale takes a rival that is elected and a write that it commits as well.
    """

    def __init__(self, confirmations: Confirmations) -> None:
        self._confirmations = confirmations

    def answered(self, operation: Operation) -> None:
        if operation.kind != "get" or operation.mode != "linearizable" or operation.outcome != "ok":
            return
        if not self._confirmations.reaches(operation.invoked_at):
            text = (
                f"answers a read of {operation.key}, asked by client {operation.client_id} at "
                f"{operation.invoked_at} us; no majority has answered anything that a leader sent "
                "since then"
            )
            raise Violation("reads_are_confirmed", operation.node_id, text)
