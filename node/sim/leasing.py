"""What leases rest on, looked at in the moment when it is broken.

A read that comes out stale takes a rival that is elected, a write that it commits, and a client
that asks the old leader, all within the rest of one lease: far more than the mistake itself.
"""

from collections.abc import Iterable, Mapping

from node.raft.config import LEASE_PERCENT
from node.raft.events import LeaderElected
from node.raft.messages import (
    AppendEntriesResponse,
    InstallSnapshotResponse,
    Message,
    RequestVote,
    RequestVoteResponse,
)
from node.scenario.actions import Action, Clock
from node.sim.clock import PPM
from node.sim.host import Host
from node.sim.options import OptionError, Options
from node.sim.world import MS
from node.verify.observation import Member, Violation


def check_clocks(options: Options, actions: Iterable[Action]) -> None:
    """Where clients read under leases, clocks go as leases need it: no two differ in rate by more
    than `lease_percent` leaves, and none steps. Raises OptionError.
    """
    if not options.lease_reads:
        return
    drift = options.clock_ppm / PPM
    rates = {1 - drift, 1 + drift}
    text = "lease_reads needs clocks that do not step and differ in rate by a tenth at most, not"
    if not _allows_leases(rates):
        raise OptionError(f"{text} clock_ppm = {options.clock_ppm}")
    for action in actions:
        if isinstance(action, Clock):
            rates.add(action.rate)
            if action.jump_us or not _allows_leases(rates):
                raise OptionError(f"{text} {action}")


def _allows_leases(rates: Iterable[float]) -> bool:
    return max(rates) * LEASE_PERCENT <= min(rates) * 100


class Leases:
    """While a leader may answer reads under its lease, nobody else is elected (thesis 6.4.1).

    Only where clients read under leases: elsewhere clocks go as they like.
    """

    def __init__(self, options: Options, hosts: Mapping[int, Host]) -> None:
        self._is_on = options.lease_reads
        self._hosts = hosts

    def elected(self, member: Member, event: LeaderElected) -> None:
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


class Promises:
    """Who answered a leader gives no other its vote for an election timeout by its own clock, also
    in a later life and in whatever term, unless that leader hands over (thesis 4.2.3).
    """

    def __init__(self, options: Options, hosts: Mapping[int, Host]) -> None:
        self._is_on = options.check_quorum
        self._timeout_us = options.election_timeout_ms * MS
        self._hosts = hosts
        self._heard: dict[int, tuple[int, int]] = {}
        """By node: the term of the leader that it answered last, and when it had heard it."""
        self._handed_over: set[tuple[int, int]] = set()
        """The terms of candidates that their leader had asked to campaign."""

    def sending(self, member: Member, to: int, message: Message) -> None:
        kind = type(message)
        if kind is AppendEntriesResponse or kind is InstallSnapshotResponse:
            core = member.core
            if message.term == core.term and core.leader_heard_at is not None:
                self._heard[member.id] = core.term, core.leader_heard_at
        elif kind is RequestVote:
            assert isinstance(message, RequestVote)
            if message.leadership_transfer:
                self._handed_over.add((message.term, member.id))
        elif kind is RequestVoteResponse:
            assert isinstance(message, RequestVoteResponse)
            if message.vote_granted and self._is_on:
                self._check(member, to, message.term)

    def _check(self, member: Member, candidate_id: int, term: int) -> None:
        leader_term, heard_at = self._heard.get(member.id, (0, 0))
        if not 0 < leader_term < term or (term, candidate_id) in self._handed_over:
            return
        ago_us = self._hosts[member.id].clock.now() - heard_at
        if ago_us < self._timeout_us:
            text = (
                f"votes for n{candidate_id} in term {term}, {ago_us} us after it heard the leader "
                f"of term {leader_term}, which counts on it for {self._timeout_us} us"
            )
            raise Violation("promises_to_leaders_are_kept", member.id, text)
