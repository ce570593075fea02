"""Bugs of what has to be on the disk before anybody hears of it."""

from node.raft import election, installing, replication
from node.raft.core import RaftCore
from tests.mutants import needs
from tests.mutants.planting import mutant, rewrite


@mutant("PySyncObj #84, robustmq #2039", "persist_before_reply")
def vote_not_synced() -> None:
    """A vote is answered before it is on the disk."""
    rewrite(election.handle_vote, "core.send_after_sync(", "core.send(")


@mutant("PySyncObj", "persist_before_reply")
def campaign_before_sync() -> None:
    """A candidate asks for votes before its own one is on the disk."""
    rewrite(election.start_election, "core.send_after_sync(", "core.send(")


@mutant("NATS JetStream 2.12.1 (Jepsen)", "persist_before_reply")
def append_acked_before_sync() -> None:
    """Entries are acknowledged before they are on the disk."""
    rewrite(replication._acknowledge, "not message.entries and core.is_hard_state_durable", "True")
    rewrite(
        replication._acknowledge,
        "min(match_index, core.log.stable_index) if is_prompt else match_index",
        "match_index",
    )


@mutant("yugabyte #32875", "persist_before_reply")
def heartbeat_acks_unsynced_entries() -> None:
    """The answer to a heartbeat vouches for entries that are still being written."""
    rewrite(
        replication._acknowledge,
        "min(match_index, core.log.stable_index) if is_prompt else match_index",
        "match_index",
    )


@mutant("canonical/raft", "persist_before_reply")
def snapshot_acked_before_sync() -> None:
    """A follower says that a snapshot is installed before that is on its disk."""
    rewrite(installing._respond, "core.send_after_sync(", "core.send(")


@mutant("a review of the simulator", "wiped_nodes_promise_nothing", shows_in=needs.wipes)
def wiped_node_acknowledges() -> None:
    """A node that lost its disk acknowledges entries like any other."""
    rewrite(replication.handle_append, "if not core.voting:", "if False:")


@mutant("PySyncObj #202", "durable_terms_and_votes", "persist_before_reply")
def vote_forgotten_over_a_restart() -> None:
    """Only the term is read back at a start, not whom the node voted for in it."""
    rewrite(RaftCore.__init__, "self.voted_for = initial.voted_for", "self.voted_for = None")


@mutant("PySyncObj", "persist_before_reply")
def term_not_durable() -> None:
    """A term is written down with a vote only: who learns of it otherwise forgets it."""
    rewrite(
        RaftCore.ready,
        "is_same_state = (self.term",
        "is_same_state = self.voted_for is None or (self.term",
    )
