"""Which leader each node heard last, counted here anew: from the messages alone, since when the
core takes a leader for heard is among what is checked.
"""

from collections.abc import Mapping
from typing import NamedTuple

from node.raft.messages import AppendEntries, InstallSnapshot, Message
from node.sim.host import Host
from node.verify.observation import Member


class Heard(NamedTuple):
    """A message of a leader, and when it was taken in, by that node's clock in microseconds."""

    leader_id: int
    term: int
    at: int


class Hearings:
    """An observer itself, in front of the rules that ask it. A message of a term that is over is
    refused, and tells of no leader.
    """

    def __init__(self, hosts: Mapping[int, Host]) -> None:
        self.last: dict[int, Heard] = {}
        """By node."""
        self.connected: dict[int, Heard] = {}
        """By node: the same, as long as it is connected with that leader since."""
        self.claiming: dict[int, Heard] = {}
        """By node: the last one that claims a lease."""
        self._hosts = hosts

    def received(self, member: Member, message: Message) -> None:
        kind = type(message)
        if kind is AppendEntries or kind is InstallSnapshot:
            if message.term != member.core.term:
                return
            node_id = member.id
            heard = Heard(message.leader_id, message.term, self._hosts[node_id].clock.now())  # type: ignore[union-attr]
            self.last[node_id] = self.connected[node_id] = heard
            if kind is InstallSnapshot or message.claims_lease:  # type: ignore[union-attr]
                self.claiming[node_id] = heard

    def lost(self, member: Member, peer_id: int) -> None:
        heard = self.connected.get(member.id)
        if heard is not None and heard.leader_id == peer_id:
            del self.connected[member.id]
