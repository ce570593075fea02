"""A connection to one node on asyncio: a thin shell around `node.client.connection`."""

import asyncio
import contextlib
import os
from typing import Any

from node.client.address import ClusterAddress
from node.client.connection import Connection
from node.client.errors import ClientError, UnreachableError
from node.wire.handshake import NONCE_BYTES
from node.wire.messages import Document, Failure, ReadLog, Role, WireMessage
from tui.shapes import is_log

RECEIVE_BYTES = 8 * 1024
"""Read at a time: decoding it takes a few milliseconds, in which no key is answered."""
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 2.0
ODD_FORM = "odd_form"
"""The code of the error that an answer is of no form that is known here."""


class AsyncLink:
    """An open connection. Every failure is an UnreachableError."""

    def __init__(
        self,
        connection: Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, address: ClusterAddress, node_id: int, role: Role) -> "AsyncLink":
        """Connect and introduce each other within 2 seconds."""
        try:
            host, port = address.nodes[node_id]
        except KeyError:
            raise UnreachableError("unknown_node", f"there is no n{node_id}") from None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(host, port, limit=RECEIVE_BYTES)
                connection = Connection(address, node_id, role, os.urandom(NONCE_BYTES))
                link = cls(connection, reader, writer)
                try:
                    while not connection.is_open:
                        link._feed(await link.read())
                except BaseException:
                    link.close()
                    raise
        except TimeoutError:
            message = f"n{node_id} ({host}:{port}) does not answer"
            raise UnreachableError("silent", message) from None
        except OSError as error:
            message = f"n{node_id} ({host}:{port}): {error.strerror or error}"
            raise UnreachableError("refused", message) from error
        return link

    @property
    def boot(self) -> int:
        """Which life of the node this is."""
        welcome = self._connection.welcome
        assert welcome is not None, "links are open"
        return welcome.incarnation

    async def read(self) -> bytes:
        """Bytes that arrived, which `take` makes messages of; waits for them without a limit."""
        node_id = self._connection.node_id
        try:
            self._writer.write(self._connection.take_outgoing())
            data = await self._reader.read(RECEIVE_BYTES)
        except OSError as error:
            raise UnreachableError("gone", f"the connection to n{node_id} broke") from error
        if not data:
            raise UnreachableError("gone", f"the connection to n{node_id} broke")
        return data

    def take(self, data: bytes) -> list[object]:
        """The messages that are whole by now."""
        self._feed(data)
        found: list[object] = list(self._connection.incoming)
        self._connection.incoming.clear()
        return found

    def _feed(self, data: bytes) -> None:
        self._connection.feed(data)
        self._writer.write(self._connection.take_outgoing())

    def send(self, message: WireMessage) -> None:
        self._connection.send(message)
        self._writer.write(self._connection.take_outgoing())

    def close(self) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.close()


async def read_log(
    address: ClusterAddress, node_id: int, first: int, last: int, limit: int
) -> dict[str, Any]:
    """Entries `first`..`last` of the node's own log, at most `limit`; `last` 0: to its end.

    The node gives at most 256 KiB at a time. Raises ClientError.
    """
    link = await AsyncLink.open(address, node_id, "admin")
    try:
        link.send(ReadLog(1, first, last, limit))
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                for message in link.take(await link.read()):
                    if isinstance(message, Document):
                        if not is_log(message.value):
                            raise ClientError(ODD_FORM, f"n{node_id} tells it in an unknown form")
                        return message.value
                    if isinstance(message, Failure):
                        raise ClientError(message.code, message.message)
    except TimeoutError:
        raise UnreachableError("silent", f"n{node_id} does not answer") from None
    finally:
        link.close()
