"""While a leader may answer reads under its lease, nobody else is elected (thesis 6.4.1).

A read that comes out stale takes a client that asks, a rival that has committed something, and both
within the rest of a lease. This looks at the moment when the rule is broken, read or not.
"""

from collections.abc import Mapping

from node.raft.events import LeaderElected
from node.sim.host import Host
from node.sim.options import Options
from node.verify.observation import Member, Violation


class Leases:
    """Only where clients read under leases: elsewhere clocks go as they like."""

    def __init__(self, options: Options, hosts: Mapping[int, Host]) -> None:
        self._is_on = options.lease_reads
        self._hosts = hosts

    def elected(self, member: Member, event: LeaderElected) -> None:
        """A happening: by now it leads. Whoever led before may not know."""
        if not self._is_on:
            return
        for host in self._hosts.values():
            if host.id == member.id or not host.is_running:
                continue
            if host.core.lease_index(host.clock.now()) is not None:
                text = (
                    f"is elected in term {event.term} while n{host.id}, which leads term "
                    f"{host.core.term}, may answer reads under its lease"
                )
                raise Violation("leases_keep_others_from_leading", member.id, text)
