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
    RequestVoteResponse,
    TimeoutNow,
)
from node.scenario.actions import Action, Clock
from node.sim.clock import PPM
from node.sim.confirming import Confirmations, Moment
from node.sim.hearing import Heard, Hearings
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
    """A leader may answer reads under its lease as long as a majority keeps others from being
    elected: from when it was asked, for less than an election timeout (thesis 6.4.1), by messages
    that claim a lease, and not after the leader told another node to campaign, which is elected in
    spite of it.

    For worlds where clients read under leases: elsewhere clocks go as they like.
    """

    def __init__(self, hosts: Mapping[int, Host], confirmations: Confirmations) -> None:
        self._hosts = hosts
        self._confirmations = confirmations

    def elected(self, member: Member, event: LeaderElected) -> None:
        for host in self._hosts.values():
            if host.id == member.id or not host.is_running:
                continue
            if host.core.lease_index(host.clock.now()) is not None:
                text = (
                    f"is elected in term {event.term} while n{host.id}, which leads term "
                    f"{host.core.term}, may answer reads under its lease"
                )
                raise Violation("leases_keep_others_from_leading", member.id, text)

    def turned(self, member: Member) -> None:
        core = member.core
        if not core.is_leader:
            return
        now = self._hosts[member.id].clock.now()
        if core.lease_index(now) is None:
            return
        reign, config = self._confirmations.reigns[member.id], core.config
        text = f"leads term {core.term} and may answer reads under its lease"
        if reign.has_named_successor:
            text += ", and has told another node to campaign"
            raise Violation("leases_end_with_a_hand_over", member.id, text)
        lasts_us = config.election_timeout_us * config.lease_percent // 100
        since = Moment(-1, now - lasts_us + 1)
        if not reign.is_confirmed(core.configuration, since):
            text += f", and no majority has answered what it sent in the last {lasts_us} us"
            raise Violation("leases_count_from_the_question", member.id, text)
        if not reign.is_claimed(core.configuration, since):
            text += f", which what a majority has answered of the last {lasts_us} us does not claim"
            raise Violation("leases_rest_on_claims", member.id, text)


class Promises:
    """Who answered a leader gives no other its vote for an election timeout by its own clock, also
    in a later life and in whatever term, unless that leader hands over (thesis 4.2.3). Where the
    leader claimed no lease, the end of the connections with it ends that too.
    """

    def __init__(self, options: Options, hosts: Mapping[int, Host], hearings: Hearings) -> None:
        self._is_on = options.check_quorum
        self._timeout_us = options.election_timeout_ms * MS
        self._hosts = hosts
        self._hearings = hearings
        self._heard: dict[int, Heard] = {}
        """By node: the leader that it has answered last, and is connected with."""
        self._claimed: dict[int, Heard] = {}
        """By node: what it has answered last of what claims a lease."""
        self._handed_over: set[tuple[int, int]] = set()
        """Who was asked by its leader to campaign, and in which term that is."""

    def elected(self, member: Member, event: LeaderElected) -> None:
        """Whom it answered counts on it no longer: that leader handed over, or its time is up."""
        self._heard.pop(member.id, None)
        self._claimed.pop(member.id, None)

    def lost(self, member: Member, peer_id: int) -> None:
        heard = self._heard.get(member.id)
        if heard is not None and heard.leader_id == peer_id:
            del self._heard[member.id]

    def sending(self, member: Member, to: int, message: Message) -> None:
        kind = type(message)
        if kind is AppendEntriesResponse or kind is InstallSnapshotResponse:
            if message.term != member.core.term:
                return
            heard = self._hearings.connected.get(member.id)
            if heard is not None and heard.term == message.term and heard.leader_id == to:
                self._heard[member.id] = heard
            claims = self._hearings.claiming.get(member.id)
            if claims is not None and claims.term == message.term:
                self._claimed[member.id] = claims
        elif kind is TimeoutNow:
            self._handed_over.add((message.term + 1, to))
        elif kind is RequestVoteResponse:
            assert isinstance(message, RequestVoteResponse)
            if message.vote_granted and self._is_on:
                for promised in (self._heard, self._claimed):
                    self._check(member, promised.get(member.id), to, message.term)

    def _check(self, member: Member, heard: Heard | None, candidate_id: int, term: int) -> None:
        if heard is None or heard.term >= term or (term, candidate_id) in self._handed_over:
            return
        ago_us = self._hosts[member.id].clock.now() - heard.at
        if ago_us < self._timeout_us:
            text = (
                f"votes for n{candidate_id} in term {term}, {ago_us} us after it heard the leader "
                f"of term {heard.term}, which counts on it for {self._timeout_us} us"
            )
            raise Violation("promises_to_leaders_are_kept", member.id, text)
