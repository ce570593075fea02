"""Bugs of reads without a log entry."""

from node.raft import leases, reading, transfer
from node.raft.reads import LeaderReads
from node.replica.queries import Queries
from tests.mutants import needs
from tests.mutants.planting import mutant, rewrite

FRESH = ("reads_are_confirmed", "linearizable_reads_are_fresh", "client_oracle")
LEASED = (
    "leases_count_from_the_question",
    "leases_rest_on_claims",
    "leases_keep_others_from_leading",
    *FRESH,
)
COUNTED = ("stale_reads_tell_their_age", *LEASED)
"""How old an answer is said to be rests on the same count as a lease."""
HANDED_OVER = ("leases_end_with_a_hand_over", *LEASED)


@mutant("PySyncObj, d-engine #381", *FRESH)
def read_without_confirmation() -> None:
    """A leader answers reads without asking whether it still leads."""
    rewrite(
        reading._register,
        "leader.reads.register(origin, core.commit_index, leader.sequence)",
        "_answer(core, origin, core.commit_index)",
    )


@mutant("Consul's stale mode, on without being asked for", *FRESH)
def linearizable_read_as_stale() -> None:
    """Whoever is asked answers from what it has, leader or not."""
    rewrite(Queries._take, 'if mode == "stale":', 'if mode in ("stale", "linearizable"):')


@mutant("a review of the simulator", "stale_reads_tell_their_age", shows_in=needs.stale_reads)
def stale_read_says_that_it_is_fresh() -> None:
    """A node that has long heard of nobody says that what it has is of now."""
    rewrite(Queries._take, "core.age_us(now)", "0")


@mutant("etcd #7331, redisraft #22, tikv #6340", *FRESH)
def read_before_current_term_commit() -> None:
    """A new leader answers reads at the commit index that it knows, which may be an old one."""
    rewrite(reading._register, "core.commit_index < leader.first_index", "False")


@mutant("a review of the simulator", "gets_well", shows_in=needs.two_disks)
def forwarded_reads_refused() -> None:
    """A leader confirms no index to another node."""
    rewrite(reading.handle_request, "if not isinstance(core.role, Leader):", "if True:")


@mutant("etcd #20418", *FRESH)
def read_confirmed_by_old_acks() -> None:
    """Answers to messages that were sent before a read arrived confirm it."""
    rewrite(LeaderReads.register, "(read_index, sequence, origin)", "(read_index, 0, origin)")


@mutant("a review of the simulator", *FRESH)
def read_confirm_off_by_one() -> None:
    """Answers to the last message before a read confirm it."""
    rewrite(LeaderReads.take_confirmed, "registered_at < sequence", "registered_at <= sequence")


@mutant("a review of the simulator", *FRESH, shows_in=needs.changes)
def read_quorum_of_new_half() -> None:
    """In a joint configuration a majority of the new voters confirms reads alone."""
    rewrite(
        reading.acked_by_quorum,
        "core.configuration.reached(acked)",
        "type(core.configuration)(core.configuration.voters).reached(acked)",
    )


@mutant("a classic of ReadIndex", *FRESH)
def read_served_before_applied() -> None:
    """A read is answered as soon as its index is known, before that is applied."""
    rewrite(Queries.finish, "self._confirmed.add(read.read_index,", "self._confirmed.add(0,")


@mutant("sofa-jraft #26, nebula #2723", *LEASED, shows_in=needs.leases)
def stale_lease_read() -> None:
    """A lease lasts until somebody takes the leader's place."""
    rewrite(leases.lease_index, " or now >= confirmed_at + lasts_us", "")


@mutant("this project, from its design", *LEASED, shows_in=needs.leases)
def lease_without_a_claim() -> None:
    """A leader answers under a lease that it does not claim in what a majority has answered."""
    rewrite(leases.lease_index, " or not _is_claimed(leader, acked)", "")


@mutant("a review of the simulator", *LEASED, shows_in=needs.leases)
def lease_of_a_whole_timeout() -> None:
    """A lease lasts as long as followers wait, and leaves nothing for clocks that differ."""
    rewrite(leases.lease_index, " * core.config.lease_percent // 100", "")


@mutant("a review of the simulator", *COUNTED, shows_in=needs.leases)
def lease_round_off_by_one() -> None:
    """A lease begins with the first message that a majority has not answered."""
    rewrite(leases._forget_old, "[1].sequence < acked", "[1].sequence <= acked")
    rewrite(leases._confirmed_at, "each.sequence < acked", "each.sequence <= acked")


@mutant("etcd, lease reads and MoveLeader", *HANDED_OVER, shows_in=needs.leases_and_transfers)
def lease_survives_transfer() -> None:
    """A leader that told another node to campaign goes on under its lease."""
    rewrite(transfer.maybe_hand_over, "leader.may_lease = False", "pass")


@mutant("a review of the simulator", *HANDED_OVER, shows_in=needs.leases_and_transfers)
def lease_back_after_failed_transfer() -> None:
    """A leader that gave up a transfer has its lease again, though its word may be on its way."""
    rewrite(
        transfer.end_transfer,
        "leader.transfer = None",
        "leader.transfer, leader.may_lease = None, True",
    )


@mutant("the thesis, 6.4.1, misread", *COUNTED, shows_in=needs.leases)
def lease_from_any_follower() -> None:
    """The answer of a single follower renews a lease."""
    newest = "max((each.acked_sequence for each in leader.progress.values()), default=0)"
    for counted in (leases._forget_old, leases.lease_index, leases.age_us):
        rewrite(counted, "reading.acked_by_quorum(core, leader)", newest)


@mutant("the thesis, 6.4.1, misread", *LEASED, shows_in=needs.leases)
def lease_counted_from_the_answer() -> None:
    """A lease begins when a majority has answered, not when it was asked."""
    rewrite(
        leases.lease_index,
        "confirmed_at = _confirmed_at(leader, acked)",
        "heard = {member: each.heard_at or 0 for member, each in leader.progress.items()}\n"
        "    confirmed_at = core.configuration.reached({**heard, core.id: 1 << 62})",
    )


@mutant(
    "etcd, whose read index messages wait in a list without end",
    "what_waits_is_bounded",
    shows_in=needs.bounds,
)
def reads_unbounded() -> None:
    """A leader takes reads without end, whether a majority answers or not."""
    rewrite(reading._register, "len(leader.reads) >= core.config.reads_max", "False")
