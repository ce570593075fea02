"""A replicated state machine: the Raft core, a machine, exactly-once sessions, pending requests."""

from node.replica.replica import Replica, Ticket

__all__ = ["Replica", "Ticket"]
