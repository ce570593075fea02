"""The status of every node of a cluster, dead ones included, in the time of the slowest."""

import os
import selectors
import socket
import time
from collections.abc import Collection
from typing import Any

from node.client.address import ClusterAddress
from node.client.connection import Connection
from node.client.errors import UnreachableError
from node.client.link import RECEIVE_BYTES, broken, seconds_left, unreachable
from node.wire.handshake import NONCE_BYTES
from node.wire.messages import Document, GetStatus

Survey = dict[int, dict[str, Any] | UnreachableError]


def status_of_all(
    address: ClusterAddress, timeout: float, leave_out: Collection[int] = ()
) -> Survey:
    """Every node's status, asked at the same time: the slowest counts, not the sum.

    A node that accepts and does not answer is `silent` after `timeout` seconds. Those in
    `leave_out` are not asked.
    """
    until = time.monotonic() + timeout
    results: Survey = {}
    with selectors.DefaultSelector() as selector:
        for node_id in address.nodes.keys() - leave_out:
            _start_asking(selector, address, node_id, results)
        while selector.get_map():
            ready = selector.select(seconds_left(until))
            if not ready and time.monotonic() >= until:
                break
            for key, _ in ready:
                _go_on_asking(selector, key, results)
        for key in list(selector.get_map().values()):
            node_id = key.data.node_id
            results[node_id] = UnreachableError("silent", f"n{node_id} does not answer")
            _stop_asking(selector, key)
    return dict(sorted(results.items()))


def _start_asking(
    selector: selectors.BaseSelector,
    address: ClusterAddress,
    node_id: int,
    results: Survey,
) -> None:
    host, port = address.nodes[node_id]
    try:
        # On loopback connecting is immediate: it is refused, or the kernel has queued it.
        sock = socket.create_connection((host, port), timeout=0.5)
    except OSError as error:
        results[node_id] = unreachable(node_id, host, port, error)
        return
    sock.setblocking(False)
    connection = Connection(address, node_id, "observer", os.urandom(NONCE_BYTES))
    connection.send(GetStatus(1))
    selector.register(sock, selectors.EVENT_READ, connection)


def _go_on_asking(
    selector: selectors.BaseSelector,
    key: selectors.SelectorKey,
    results: Survey,
) -> None:
    connection: Connection = key.data
    sock = key.fileobj
    assert isinstance(sock, socket.socket)
    try:
        data = sock.recv(RECEIVE_BYTES)
        if not data:
            raise broken(connection.node_id)
        connection.feed(data)
        if outgoing := connection.take_outgoing():
            sock.sendall(outgoing)
    except OSError:
        results[connection.node_id] = broken(connection.node_id)
    except UnreachableError as error:
        results[connection.node_id] = error
    else:
        for message in connection.incoming:
            if isinstance(message, Document):
                results[connection.node_id] = message.value
    if connection.node_id in results:
        _stop_asking(selector, key)


def _stop_asking(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    selector.unregister(key.fileobj)
    assert isinstance(key.fileobj, socket.socket)
    key.fileobj.close()
