"""What always holds in a correct cluster, one rule a file, each with where it is from."""

from typing import Protocol

from node.verify.facts import Facts
from node.verify.invariants.appends_from_the_leader_only import AppendsFromTheLeaderOnly
from node.verify.invariants.commit_needs_a_durable_quorum import CommitNeedsADurableQuorum
from node.verify.invariants.committed_is_immutable import CommittedIsImmutable
from node.verify.invariants.durable_terms_and_votes import DurableTermsAndVotes
from node.verify.invariants.index_order import IndexOrder
from node.verify.invariants.leader_append_only import LeaderAppendOnly
from node.verify.invariants.leader_completeness import LeaderCompleteness
from node.verify.invariants.log_matching import LogMatching
from node.verify.invariants.one_leader_per_term import OneLeaderPerTerm
from node.verify.invariants.persist_before_reply import PersistBeforeReply
from node.verify.observation import Members, Observers


class Invariant(Protocol):
    """A rule. `facts` are those of the cluster, which are told of everything before the rules."""

    def __init__(self, members: Members, facts: Facts) -> None: ...


ALL: tuple[type[Invariant], ...] = (
    OneLeaderPerTerm,
    LeaderCompleteness,
    AppendsFromTheLeaderOnly,
    LeaderAppendOnly,
    LogMatching,
    CommitNeedsADurableQuorum,
    CommittedIsImmutable,
    PersistBeforeReply,
    DurableTermsAndVotes,
    IndexOrder,
)
"""In the order in which they look: who says most about a mistake comes first."""


def every(members: Members, rules: tuple[type[Invariant], ...] = ALL) -> Observers:
    """Observers of all the rules, or of some, over one set of facts."""
    facts = Facts(members)
    return Observers([*facts.observers, *(rule(members, facts) for rule in rules)])
