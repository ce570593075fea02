"""The first election of a cluster: one of its nodes stands as soon as a majority is connected.

Nobody can lead where nothing was ever written, so nobody needs to wait out a timer to know it. Who
comes late may find that the others have elected one. It asks for pre-votes all the same, which are
refused then and disturb nobody; in a cluster without them it waits for a heartbeat first.
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
    later = {peer_id for peer_id, link in links.items() if link.came_later}
    core = driver.replica.core
    delay_us = stands_in_us(core, nodes, connected, later)
    if delay_us is None:
        return

    def stand(now: int) -> None:
        if not core.term:  # or what came in first tells of an election
            core.campaign(now + delay_us, now)

    driver.submit([stand])


def stands_in_us(
    core: RaftCore,
    nodes: Iterable[NodeAddress],
    connected: Collection[int],
    later: Collection[int],
) -> int | None:
    """When this node is to stand; None: it is not its turn, or no majority can hear it. At once
    with pre-votes, or where so many came later than it that the rest could elect nobody without it.

    Of those that are preferred the one with the lowest id stands: one alone splits no votes.
    """
    voters = core.configuration.voters
    needed = majority(len(voters))
    if core.term or core.last_index or core.id not in voters:
        return None
    turns = sorted((-node.priority, node.id) for node in nodes if node.id in voters)
    if turns[0][1] != core.id or 1 + len(voters.intersection(connected)) < needed:
        return None
    others = len(voters) - 1 - len(voters.intersection(later))
    is_harmless = core.config.pre_vote or others < needed
    return 0 if is_harmless else core.config.heartbeat_us * 3 // 2
