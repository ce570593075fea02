"""Bugs of elections: who votes, how often, and how votes are counted."""

from node.raft import election, gate, quorum
from node.raft.core import RaftCore
from node.raft.hearing import Hearing
from tests.mutants import needs
from tests.mutants.planting import mutant, rewrite
from tests.mutants.reads import LEASED

PROMISED = ("promises_to_leaders_are_kept", *LEASED)


@mutant("akka-raft #56", "one_leader_per_term", "persist_before_reply")
def vote_twice_in_a_term() -> None:
    """A follower gives its vote to whoever asks, also a second time in a term."""
    rewrite(
        election._may_vote,
        "core.voted_for == message.candidate_id",
        "core.voted_for == message.candidate_id or isinstance(core.role, Follower)",
    )


@mutant("zaft, camunda #5356", "durable_terms_and_votes")
def vote_forgotten_on_stepping_down() -> None:
    """A candidate that steps down within a term forgets that it voted for itself."""
    rewrite(
        RaftCore.become_follower,
        "if isinstance(old, Leader):",
        "if term == self.term:\n        self.voted_for = None\n    if isinstance(old, Leader):",
    )


@mutant("the paper, 5.4.1, left out", "leader_completeness")
def vote_without_log_check() -> None:
    """A vote goes to a candidate whatever its log holds."""
    for handler in (election.handle_vote, election.handle_pre_vote):
        rewrite(handler, "core.log.is_up_to_date(", "(lambda *_: True)(")


@mutant("PySyncObj", "one_leader_per_term")
def votes_by_counter() -> None:
    """Each answer that grants a vote counts as one more, a repeated one too."""
    rewrite(
        election.handle_vote_response,
        "core.role.votes[message.responder_id] = granted",
        "left = core.configuration.electorate - core.role.votes.keys()\n"
        "        core.role.votes[min(left, default=core.id)] = granted",
    )


@mutant("many first drafts", "one_leader_per_term", "commit_needs_a_durable_quorum")
def quorum_off_by_one() -> None:
    """Half of an even number of voters is taken for a majority."""
    rewrite(quorum.majority, "voter_count // 2 + 1", "(voter_count + 1) // 2")


@mutant("PySyncObj", "gets_well", shows_in=needs.one_node)
def single_node_never_elected() -> None:
    """Votes are counted when an answer arrives, and a cluster of one gets none."""
    rewrite(election.count_own_vote, "_count_votes(core, core.role, now)", "pass")


@mutant("etcd #9333, hashicorp/raft #411", *PROMISED, shows_in=needs.promises)
def no_stickiness() -> None:
    """Who hears a leader helps to elect another one all the same."""
    rewrite(gate._ignores, "core.promised_leader(now)", "False")
    rewrite(election._may_vote, " or not core.promised_leader(now)", " or True")
    rewrite(election.handle_pre_vote, "and not core.hears_leader(now)", "")


@mutant("etcd #9333, H #411", "terms_rise_seldom", shows_in=needs.half_cuts)
def no_pre_vote() -> None:
    """Who hears no leader begins a term, and another one, and another one."""
    rewrite(election.campaign, "if core.config.pre_vote:", "if False:")


@mutant("a review of the simulator", "terms_rise_seldom", shows_in=needs.half_cuts)
def pre_vote_beside_a_leader() -> None:
    """Who hears a leader says all the same that it would elect another one."""
    rewrite(election.handle_pre_vote, "and not core.hears_leader(now)", "")


@mutant(
    "etcd, until 2016; Cloudflare's outage of 2020",
    "commits_while_a_quorum_is_connected",
    shows_in=needs.half_cuts,
)
def deaf_leader_stays() -> None:
    """A leader that hears nobody goes on, and its heartbeats keep the others from replacing it."""
    rewrite(
        RaftCore._tick_leader,
        "if not self.configuration.has_quorum([*active, self.id]):",
        "if False:",
    )


@mutant("the thesis, 4.2.3, left out", *PROMISED, shows_in=needs.promises)
def no_stickiness_after_a_restart() -> None:
    """Who has just started votes at once, whomever it may have heard in its life before."""
    rewrite(
        RaftCore.__init__,
        "config.election_timeout_us if initial.current_term else 0",
        "0",
    )


@mutant("this project, from its design", *PROMISED, shows_in=needs.leases_and_flaps)
def promise_dropped_with_the_connection() -> None:
    """Who loses the connections with its leader forgets what it has promised it, claim or not."""
    rewrite(
        election.peer_lost,
        "core.hearing.lost()",
        "core.hearing.promised_until = 0; core.hearing.lost()",
    )


@mutant("this project, until 4722d5a", *PROMISED, shows_in=needs.promises)
def promise_ends_with_the_term() -> None:
    """Who learns of a later term gives its vote away in it, though it has just heard its leader."""
    rewrite(election._may_vote, " or not core.promised_leader(now)", " or True")


@mutant("a review of the simulator", *PROMISED, shows_in=needs.promises)
def leader_heard_once() -> None:
    """When a leader was heard is noted of its first message alone."""
    rewrite(Hearing.heard, "self.heard_at = now", "self.heard_at = self.heard_at or now")


@mutant("a review of the simulator", *PROMISED, shows_in=needs.promises)
def all_elections_claim_transfer() -> None:
    """Whoever campaigns says that its leader asked it to."""
    rewrite(election._count_pre_votes, "leadership_transfer=False", "leadership_transfer=True")
