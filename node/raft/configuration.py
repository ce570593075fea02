"""Who belongs to the cluster, and what a majority of it is.

A configuration is an entry of the log, in force from the moment it stands there, committed or not
(thesis 4.1). Voters change by joint consensus (paper 6, thesis 4.3): between the old and the new
ones lies a configuration that holds both, in which every decision takes a majority of each. So any
number of members may come and go in one change, and no two majorities can miss each other.

A learner gets the log and has no vote. One that is `promotable` becomes a voter by itself as soon
as it has caught up, whoever leads by then: the wish is replicated like everything else.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from node.raft.errors import ConfigurationError
from node.raft.quorum import VoteResult, has_majority, reached_by_majority, vote_result

MEMBERS_MAX = 99


@dataclass(frozen=True)
class Configuration:
    """The members. `outgoing` holds the voters that are being left, and is empty unless this is the
    joint configuration of a change. `addresses` says where each member is reached, in the words of
    the host; the algorithm does not look at them.

    Raises ConfigurationError for parts that do not belong together.
    """

    voters: frozenset[int] = frozenset()
    learners: frozenset[int] = frozenset()
    outgoing: frozenset[int] = frozenset()
    promotable: frozenset[int] = frozenset()
    addresses: tuple[tuple[int, str], ...] = ()

    def __post_init__(self) -> None:
        if self.voters & self.learners:
            raise ConfigurationError(f"{_names(self.voters & self.learners)} as voter and learner")
        if not self.promotable <= self.learners:
            raise ConfigurationError("only learners can be promoted")
        if not self.voters and (self.learners or self.outgoing):
            raise ConfigurationError("a cluster needs a voter")
        if len(self.members) > MEMBERS_MAX:
            raise ConfigurationError(f"more than {MEMBERS_MAX} members")
        if not {member for member, _ in self.addresses} <= self.members:
            raise ConfigurationError("an address of somebody who is no member")

    @cached_property
    def members(self) -> frozenset[int]:
        return self.voters | self.learners | self.outgoing

    @property
    def is_joint(self) -> bool:
        return bool(self.outgoing)

    @cached_property
    def electorate(self) -> frozenset[int]:
        """All whose votes and copies count, in either half."""
        return self.voters | self.outgoing

    @property
    def _halves(self) -> tuple[frozenset[int], ...]:
        return (self.voters, self.outgoing) if self.outgoing else (self.voters,)

    # -- majorities --------------------------------------------------------------------------------
    def has_quorum(self, present: Iterable[int]) -> bool:
        """Whether `present` holds a majority of the voters, in a joint configuration of both."""
        inside = set(present)
        return all(half and has_majority(half, inside) for half in self._halves)

    def vote_result(self, votes: Mapping[int, bool]) -> VoteResult:
        """The state of an election; it is lost as soon as one half cannot be won."""
        results = {vote_result(half, votes) for half in self._halves}
        if VoteResult.LOST in results:
            return VoteResult.LOST
        return VoteResult.PENDING if VoteResult.PENDING in results else VoteResult.WON

    def reached(self, values: Mapping[int, int]) -> int:
        """The greatest value that a quorum has reached; who is not in `values` is at 0."""
        reached = reached_by_majority([values.get(voter, 0) for voter in self.voters])
        if not self.outgoing:
            return reached
        return min(reached, reached_by_majority([values.get(voter, 0) for voter in self.outgoing]))

    # -- changes -----------------------------------------------------------------------------------
    def changed(self, changes: Collection["Change"]) -> "Configuration":
        """The configuration that all of `changes` lead to. Raises ConfigurationError, with what is
        wrong, for one that cannot be: nobody may be named twice.
        """
        if self.is_joint:
            raise ConfigurationError("this configuration is being left")
        named = [change.id for change in changes]
        if len(set(named)) < len(named):
            raise ConfigurationError("a member is named twice in one change")
        target = self
        for change in sorted(changes, key=lambda change: isinstance(change, Demote | Remove)):
            target = change.applied_to(target)  # who comes first, or the last voter could not go
        if target == self:
            raise ConfigurationError("this changes nothing")
        return target

    def entering(self, target: "Configuration") -> "Configuration":
        """The joint configuration on the way to `target`; `target` itself if no voter changes."""
        if target.voters == self.voters:
            return target
        addresses = {**dict(self.addresses), **dict(target.addresses)}
        kept = self.voters | target.members
        return replace(
            target,
            outgoing=self.voters,
            addresses=tuple(sorted((m, a) for m, a in addresses.items() if m in kept)),
        )

    def leaving(self) -> "Configuration":
        """The configuration after this joint one."""
        left = self.voters | self.learners
        return replace(
            self,
            outgoing=frozenset(),
            addresses=tuple((member, a) for member, a in self.addresses if member in left),
        )

    # -- for hosts that store it -------------------------------------------------------------------
    def to_map(self) -> dict[str, Any]:
        """As lists of numbers, and addresses by number as text: what JSON and CBOR know."""
        document: dict[str, Any] = {"voters": sorted(self.voters)}
        for name in ("learners", "outgoing", "promotable"):
            if getattr(self, name):
                document[name] = sorted(getattr(self, name))
        if self.addresses:
            document["addresses"] = {str(member): address for member, address in self.addresses}
        return document

    @classmethod
    def from_map(cls, document: object) -> "Configuration":
        """The inverse of `to_map`. Raises ConfigurationError for anything else."""
        known = {"voters", "learners", "outgoing", "promotable", "addresses"}
        if not isinstance(document, Mapping) or not known >= set(document):
            raise ConfigurationError("not a configuration")
        sets = {name: _numbers(document.get(name, [])) for name in sorted(known - {"addresses"})}
        addresses = document.get("addresses", {})
        if not isinstance(addresses, Mapping) or len(addresses) > MEMBERS_MAX:
            raise ConfigurationError("its addresses are no map of texts by member")
        pairs = []
        for member, address in addresses.items():
            if not (isinstance(member, str) and member.isdecimal() and isinstance(address, str)):
                raise ConfigurationError("its addresses are no map of texts by member")
            pairs.append((int(member), address))
        return cls(**sets, addresses=tuple(sorted(pairs)))


def _numbers(values: object) -> frozenset[int]:
    if not isinstance(values, list) or len(values) > MEMBERS_MAX:
        raise ConfigurationError("its members are no list of numbers")
    if not all(type(value) is int and value >= 0 for value in values):
        raise ConfigurationError("its members are no list of numbers")
    return frozenset(values)


@dataclass(frozen=True, slots=True)
class AddLearner:
    """A new member without a vote; with `promote` it gets one when it has caught up."""

    id: int
    address: str = ""
    promote: bool = False

    def applied_to(self, before: Configuration) -> Configuration:
        if self.id in before.members:
            raise ConfigurationError(f"{self.id} is a member already")
        addresses = before.addresses
        if self.address:
            addresses = tuple(sorted((*addresses, (self.id, self.address))))
        return replace(
            before,
            learners=before.learners | {self.id},
            promotable=before.promotable | ({self.id} if self.promote else frozenset()),
            addresses=addresses,
        )


@dataclass(frozen=True, slots=True)
class Promote:
    """A learner that has caught up becomes a voter."""

    id: int

    def applied_to(self, before: Configuration) -> Configuration:
        if self.id not in before.learners:
            raise ConfigurationError(f"{self.id} is not a learner")
        return replace(
            before,
            voters=before.voters | {self.id},
            learners=before.learners - {self.id},
            promotable=before.promotable - {self.id},
        )


@dataclass(frozen=True, slots=True)
class Demote:
    """A voter becomes a learner."""

    id: int

    def applied_to(self, before: Configuration) -> Configuration:
        if self.id not in before.voters:
            raise ConfigurationError(f"{self.id} is not a voter")
        if before.voters == {self.id}:
            raise ConfigurationError("the last voter cannot be demoted")
        return replace(
            before, voters=before.voters - {self.id}, learners=before.learners | {self.id}
        )


@dataclass(frozen=True, slots=True)
class Remove:
    """A member, whatever it is, leaves."""

    id: int

    def applied_to(self, before: Configuration) -> Configuration:
        if self.id not in before.members:
            raise ConfigurationError(f"{self.id} is not a member")
        if before.voters == {self.id}:
            raise ConfigurationError("the last voter cannot be removed")
        gone = {self.id}
        return Configuration(
            voters=before.voters - gone,
            learners=before.learners - gone,
            promotable=before.promotable - gone,
            addresses=tuple((member, a) for member, a in before.addresses if member != self.id),
        )


Change = AddLearner | Promote | Demote | Remove


def _names(members: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(members)))
