"""The first election of a cluster: one of its nodes stands as soon as a majority is connected.

Nobody can lead where nothing was ever written, so nobody needs to wait out a timer to know it. It
takes a pre-vote, so that a node which comes late to a cluster that has a leader disturbs nobody.
"""

from collections.abc import Collection, Iterable

from node.config import NodeAddress
from node.raft.core import RaftCore
from node.raft.quorum import majority
from node.server.addresses import Links
from node.server.driver import Driver


def maybe_stand(driver: Driver, links: Links, nodes: Iterable[NodeAddress]) -> None:
    """To be called before the driver runs, and when a connection with a peer begins."""
    connected = {peer_id for peer_id, link in links.items() if link.is_connected}
    earlier = {peer_id for peer_id, link in links.items() if link.was_there}
    if may_stand(driver.replica.core, nodes, connected, earlier):
        driver.submit([driver.replica.core.campaign])


def may_stand(
    core: RaftCore,
    nodes: Iterable[NodeAddress],
    connected: Collection[int],
    earlier: Collection[int],
) -> bool:
    """Whether it is this node's turn, a majority can hear it, and none was there before it came,
    which might have elected somebody.

    Of those that are preferred the one with the lowest id stands: one alone splits no votes.
    """
    voters = core.configuration.voters
    if core.term or core.last_index or core.id not in voters:
        return False
    turns = sorted((-node.priority, node.id) for node in nodes if node.id in voters)
    needed = majority(len(voters))
    hearing = 1 + len(voters.intersection(connected))
    return turns[0][1] == core.id and len(voters.intersection(earlier)) < needed <= hearing
