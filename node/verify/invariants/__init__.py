"""What always holds in a correct cluster, one rule a file, each with where it is from."""

import re
from collections.abc import Mapping
from typing import Literal, Protocol

from node.verify.facts import Facts
from node.verify.invariants.appends_from_the_leader_only import AppendsFromTheLeaderOnly
from node.verify.invariants.appends_keep_to_the_window import AppendsKeepToTheWindow
from node.verify.invariants.at_most_once import AtMostOnce
from node.verify.invariants.client_oracle import ClientOracle
from node.verify.invariants.commit_needs_a_durable_quorum import CommitNeedsADurableQuorum
from node.verify.invariants.committed_is_immutable import CommittedIsImmutable
from node.verify.invariants.durable_terms_and_votes import DurableTermsAndVotes
from node.verify.invariants.entries_are_applied_in_order import EntriesAreAppliedInOrder
from node.verify.invariants.index_order import IndexOrder
from node.verify.invariants.installs_keep_the_tail import InstallsKeepTheTail
from node.verify.invariants.leader_append_only import LeaderAppendOnly
from node.verify.invariants.leader_completeness import LeaderCompleteness
from node.verify.invariants.leaders_are_voters import LeadersAreVoters
from node.verify.invariants.linearizable_reads_are_fresh import LinearizableReadsAreFresh
from node.verify.invariants.log_matching import LogMatching
from node.verify.invariants.members_are_those_of_the_log import MembersAreThoseOfTheLog
from node.verify.invariants.no_success_after_a_failed_flush import NoSuccessAfterAFailedFlush
from node.verify.invariants.one_change_at_a_time import OneChangeAtATime
from node.verify.invariants.one_leader_per_term import OneLeaderPerTerm
from node.verify.invariants.only_committed_entries_are_applied import OnlyCommittedEntriesAreApplied
from node.verify.invariants.operators_are_told_what_happened import OperatorsAreToldWhatHappened
from node.verify.invariants.persist_before_reply import PersistBeforeReply
from node.verify.invariants.recovery_holds_what_was_promised import RecoveryHoldsWhatWasPromised
from node.verify.invariants.same_state_everywhere import SameStateEverywhere
from node.verify.invariants.snapshots_restore_what_they_hold import SnapshotsRestoreWhatTheyHold
from node.verify.invariants.transfers_end import TransfersEnd
from node.verify.invariants.what_waits_is_bounded import WhatWaitsIsBounded
from node.verify.invariants.wiped_nodes_promise_nothing import WipedNodesPromiseNothing
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
    OnlyCommittedEntriesAreApplied,
    EntriesAreAppliedInOrder,
    SameStateEverywhere,
    AtMostOnce,
    SnapshotsRestoreWhatTheyHold,
    InstallsKeepTheTail,
    MembersAreThoseOfTheLog,
    OneChangeAtATime,
    LeadersAreVoters,
    RecoveryHoldsWhatWasPromised,
    DurableTermsAndVotes,
    PersistBeforeReply,
    WipedNodesPromiseNothing,
    NoSuccessAfterAFailedFlush,
    IndexOrder,
    TransfersEnd,
    AppendsKeepToTheWindow,
    WhatWaitsIsBounded,
    LinearizableReadsAreFresh,
    ClientOracle,
    OperatorsAreToldWhatHappened,
)
"""In the order in which they look: who says most about a mistake comes first."""


def _name_of(rule: type[Invariant]) -> str:
    """As violations and its file have it: IndexOrder is index_order."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", rule.__name__).lower()


BY_NAME: Mapping[str, type[Invariant]] = {_name_of(rule): rule for rule in ALL}


def asked_for(asked: Literal["all", "none"] | tuple[str, ...]) -> tuple[type[Invariant], ...]:
    """All of the rules, none, or those with these names. Raises LookupError for an unknown one."""
    if asked == "all":
        return ALL
    names = () if asked == "none" else asked
    for name in names:
        if name not in BY_NAME:
            raise LookupError(f"there is no invariant {name}")
    return tuple(rule for name, rule in BY_NAME.items() if name in names)


def every(members: Members, rules: tuple[type[Invariant], ...] = ALL) -> Observers:
    """Observers of all the rules, or of some, over one set of facts."""
    facts = Facts(members)
    return Observers([*facts.observers, *(rule(members, facts) for rule in rules)])
