"""The events of several nodes as one stream, in the order of their common clock."""

import selectors
import socket
import time
from collections.abc import Iterator, Sequence

from node.client.address import ClusterAddress
from node.client.errors import UnreachableError
from node.client.link import Link
from node.wire.messages import Happened, Subscribe
from raftctl.cluster.directory import Cluster

CONNECT_SECONDS = 2.0
QUIET_SECONDS = 0.15
"""History has ended when nothing came for so long; live events are merged over this window."""

Item = tuple[int, Happened]


def history(cluster: Cluster, node_ids: Sequence[int]) -> Iterator[Item]:
    """What the nodes have kept, oldest first."""
    links = _subscribe(cluster.address, node_ids)
    items: list[Item] = []
    for batch in _batches(links):
        if not batch:
            break
        items += batch
    for link in links:
        link.close()
    yield from sorted(items, key=_time)


def live(cluster: Cluster, node_ids: Sequence[int]) -> Iterator[Item]:
    """The same, and then what happens, until every node has gone."""
    links = _subscribe(cluster.address, node_ids)
    waiting: list[Item] = []
    for batch in _batches(links):
        waiting += batch
        waiting.sort(key=_time)
        settled = time.monotonic_ns() - int(QUIET_SECONDS * 1e9)
        while waiting and (not batch or waiting[0][1].mono_ns <= settled):
            yield waiting.pop(0)
    yield from waiting


def _time(item: Item) -> int:
    return item[1].mono_ns


def _subscribe(address: ClusterAddress, node_ids: Sequence[int]) -> list[Link]:
    links = []
    for node_id in node_ids:
        link = Link(address, node_id, "observer", time.monotonic() + CONNECT_SECONDS)
        link.send(Subscribe(link.new_id(), history=True))
        links.append(link)
    return links


def _batches(links: Sequence[Link]) -> Iterator[list[Item]]:
    """What arrived, again and again; an empty batch after a quiet time. Ends with the last link."""
    with selectors.DefaultSelector() as selector:
        for link in links:
            selector.register(link.socket, selectors.EVENT_READ, link)
            if early := _happened(link.node_id, link.take_messages()):
                yield early
        while selector.get_map():
            batch: list[Item] = []
            for key, _ in selector.select(QUIET_SECONDS):
                link = key.data
                try:
                    messages = link.next_messages(time.monotonic() + CONNECT_SECONDS)
                except UnreachableError:
                    assert isinstance(key.fileobj, socket.socket)
                    selector.unregister(key.fileobj)
                    link.close()
                else:
                    batch += _happened(link.node_id, messages)
            yield batch


def _happened(node_id: int, messages: Sequence[object]) -> list[Item]:
    return [(node_id, message) for message in messages if isinstance(message, Happened)]
