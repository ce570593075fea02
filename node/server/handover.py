"""A leader that is about to stop hands over: its followers need not miss it."""

import trio

from node.raft.progress import Progress
from node.server.node import Node

HAND_OVER_SECONDS_MAX = 0.5


def _answers(node: Node, peer: int, progress: Progress) -> bool:
    link = node.links.get(peer)
    return link is not None and link.is_connected and progress.acked_sequence > 0


def _successor(node: Node) -> int | None:
    """Of the voters that answer the one that holds most; None: none does, or this is no leader."""
    core = node.driver.replica.core
    able = [
        peer
        for peer, progress in core.progress.items()
        if peer in core.configuration.voters and _answers(node, peer, progress)
    ]
    return max(able, key=lambda peer: core.progress[peer].match_index, default=None)


async def hand_over(node: Node) -> None:
    """Transfer leadership, if this node has it and somebody can take it, and wait for that."""
    if _successor(node) is None:
        return
    core = node.driver.replica.core
    over = trio.Event()

    def transfer(now: int) -> None:
        successor = _successor(node)  # again: messages of this very turn may have taken its vote
        if successor is None:
            over.set()
        else:
            core.transfer_leadership(successor, now)

    def look(_: object) -> None:
        if not core.is_leader:
            over.set()

    node.hub.subscribe(over, look)
    node.driver.submit([transfer])
    with trio.move_on_after(HAND_OVER_SECONDS_MAX):
        await over.wait()
