"""The live feed: one subscription per node, and what the processes are doing.

Every node has a task of its own, so a node that is silent holds up nobody else. A connection that
ends is opened again, with a pause that grows, and goes on behind the last frame that was seen.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Protocol

from node.client.address import ClusterAddress
from node.client.errors import UnreachableError
from node.wire.messages import Frame, Subscribe
from tui.link import AsyncLink
from tui.model import ClusterModel
from tui.nodes import Process, Reach

PAUSE_SECONDS_MIN = 0.1
PAUSE_SECONDS_MAX = 1.0
LOOK_SECONDS = 0.5
"""How often the processes and the list of nodes are looked at."""


class Source(Protocol):
    """A cluster of this machine, as whoever starts the viewer knows it."""

    @property
    def name(self) -> str: ...

    @property
    def address(self) -> ClusterAddress | None:
        """Where its nodes listen; they may come and go. None: there is no such cluster now."""

    def processes(self) -> Mapping[int, Process]:
        """What the nodes' processes do. Called in a thread: it may look at files."""


class NodeStream:
    """The subscription to one node, for as long as the viewer runs."""

    def __init__(self, address: ClusterAddress, node_id: int, model: ClusterModel) -> None:
        self._address = address
        self._node_id = node_id
        self._model = model
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Try again at once: there is a new process."""
        self._wake.set()

    async def run(self) -> None:
        pause = PAUSE_SECONDS_MIN
        while True:
            try:
                link = await AsyncLink.open(self._address, self._node_id, "observer")
                try:
                    self._subscribe(link)
                    self._model.reach(self._node_id, Reach(is_open=True))
                    pause = PAUSE_SECONDS_MIN
                    await self._follow(link)
                finally:
                    link.close()
            except UnreachableError as error:
                self._model.reach(self._node_id, Reach(False, error.message))
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
                    pause = PAUSE_SECONDS_MIN
            pause = min(pause * 2, PAUSE_SECONDS_MAX)

    def _subscribe(self, link: AsyncLink) -> None:
        view = self._model.nodes.get(self._node_id)
        boot, seq = (view.boot, view.seq) if view is not None else (0, 0)
        link.send(Subscribe(1, True, boot, seq))

    async def _follow(self, link: AsyncLink) -> None:
        fold, node_id = self._model.fold, self._node_id
        while True:
            for message in await link.messages():
                if isinstance(message, Frame) and node_id in self._model.nodes:
                    fold(message, node_id)
            # Whoever sends without end must not keep the keys waiting.
            await asyncio.sleep(0)


class LiveFeed:
    """Keeps a model up to date with a cluster that may change, go down and come up again."""

    def __init__(self, source: Source, model: ClusterModel) -> None:
        self._source = source
        self._model = model
        self._address: ClusterAddress | None = None
        self._streams: dict[int, tuple[NodeStream, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """For ever; ends its tasks when it is cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    self._look_for_nodes(tasks)
                    await self._look_at_processes()
                    await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._streams.clear()

    def _look_for_nodes(self, tasks: asyncio.TaskGroup) -> None:
        address = self._source.address
        if (
            address is None
            or self._address is None
            or address.cluster_id != self._address.cluster_id
        ):
            for node_id in list(self._streams):
                self._end(node_id)
            self._address = address
        wanted = set() if address is None else set(address.nodes)
        for node_id in self._streams.keys() - wanted:
            self._end(node_id)
        self._model.members(wanted)
        for node_id in sorted(wanted - self._streams.keys()):
            assert address is not None, "only a cluster has nodes"
            stream = NodeStream(address, node_id, self._model)
            self._streams[node_id] = (stream, tasks.create_task(stream.run()))

    def _end(self, node_id: int) -> None:
        _, task = self._streams.pop(node_id)
        task.cancel()

    async def _look_at_processes(self) -> None:
        if self._address is None:
            return
        found = await asyncio.to_thread(self._source.processes)
        for node_id, process in found.items():
            view = self._model.nodes.get(node_id)
            if view is None:
                continue
            is_new = process.pid is not None and process.pid != view.process.pid
            self._model.process(node_id, process)
            if is_new and node_id in self._streams:
                self._streams[node_id][0].wake()
