"""A replicated state machine: the Raft core, a machine, exactly-once sessions, pending requests."""

from node.replica.pending import Ticket
from node.replica.replica import Replica

__all__ = ["Replica", "Ticket"]
