"""The live feed: one subscription per node, and what the processes are doing.

Every node has a task of its own, so a node that is silent holds up nobody else. A connection that
ends, or is refused, is tried again, with a pause that grows, and goes on behind the last frame.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from node.client.address import ClusterAddress
from node.client.errors import ClientError, UnreachableError
from node.wire.messages import Failure, Frame, Subscribe
from tui.link import ODD_FORM, AsyncLink, read_log
from tui.model import ClusterModel
from tui.nodes import NodeView, Process, Reach

PAUSE_SECONDS_MIN = 0.1
PAUSE_SECONDS_MAX = 1.0
LOOK_SECONDS = 1.0
"""How often the processes and the list of nodes are looked at, if no connection breaks."""
LOG_SECONDS = 1.0
TAIL_ENTRIES = 24
"""So many entries of a log's end are shown side by side, at most."""

_ODD_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What comes of a value that is not what it is taken for."""


class Source(Protocol):
    """A cluster of this machine, as whoever starts the viewer knows it."""

    @property
    def name(self) -> str:
        """Empty as long as it may be any one that comes up."""

    @property
    def unclear(self) -> str:
        """Why none of several is shown; empty: there are not several."""

    @property
    def address(self) -> ClusterAddress | None:
        """Where its nodes listen; they may come and go. None: there is no such cluster now."""

    def processes(self) -> Mapping[int, Process]:
        """What the nodes' processes do. Called in a thread: it may look at files."""

    def output(self, node_id: int) -> list[str]:
        """The last lines that the node's process wrote. Called in a thread, too."""


class NodeStream:
    """The subscription to one node, for as long as the viewer runs."""

    def __init__(
        self,
        address: ClusterAddress,
        node_id: int,
        model: ClusterModel,
        on_break: Callable[[], None],
        turn: asyncio.Lock,
    ) -> None:
        """`on_break` is called when a connection ended: there may be no process any more. Who has
        `turn`, of all nodes, takes in what it sent.
        """
        self._on_break = on_break
        self._turn = turn
        self._address = address
        self._node_id = node_id
        self._model = model
        self._wake = asyncio.Event()
        self._pause = PAUSE_SECONDS_MIN
        self._is_refused = False

    def wake(self) -> None:
        """Try again at once: there is a new process."""
        self._wake.set()

    async def run(self) -> None:
        while True:
            try:
                link = await AsyncLink.open(self._address, self._node_id, "observer")
                try:
                    self._subscribe(link)
                    if not self._is_refused:
                        self._serves()
                    await self._follow(link)
                finally:
                    link.close()
                    self._on_break()
            except UnreachableError as error:
                self._is_refused = error.is_refusal
                self._model.reach(self._node_id, Reach(False, error.message, error.is_refusal))
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause):
                    await self._wake.wait()
                    self._pause = PAUSE_SECONDS_MIN
            self._pause = min(self._pause * 2, PAUSE_SECONDS_MAX)

    def _subscribe(self, link: AsyncLink) -> None:
        """From where the connection before ended, if the node is still in the same life."""
        view = self._model.nodes.get(self._node_id)
        behind = (0, 0) if view is None else view.following.resume(link.boot)
        link.send(Subscribe(1, True, *behind))

    def _serves(self) -> None:
        self._is_refused = False
        self._pause = PAUSE_SECONDS_MIN
        self._model.reach(self._node_id, Reach(is_open=True))

    async def _follow(self, link: AsyncLink) -> None:
        while True:
            data = await link.read()
            # In a round of the loop one node has its turn: all of them at once, where each has sent
            # much, would keep the keys waiting, which take several rounds.
            async with self._turn:
                for message in link.take(data):
                    self._take(message)
                await asyncio.sleep(0)

    def _take(self, message: object) -> None:
        node_id = self._node_id
        if isinstance(message, Failure):
            text = f"n{node_id} sends no events: {message.message}"
            raise UnreachableError(message.code, text)
        if isinstance(message, Frame) and node_id in self._model.nodes:
            if self._is_refused:
                self._serves()
            try:
                self._model.fold(message, node_id)
            except _ODD_ERRORS:
                # One node that tells nonsense must not end the view of the others.
                self._model.note_odd(node_id, "frame")


class _Streaming(NamedTuple):
    stream: NodeStream
    task: asyncio.Task[None]
    endpoint: tuple[str, int]


class LiveFeed:
    """Keeps a model up to date with a cluster that may change, go down and come up again."""

    def __init__(self, source: Source, model: ClusterModel, on_cluster: Callable[[], None]) -> None:
        """`on_cluster` is called when there is one first, and when it is another one."""
        self._on_cluster = on_cluster
        self._cluster_id: str | None = None
        self._source = source
        self._model = model
        self._address: ClusterAddress | None = None
        self._look_now = asyncio.Event()
        self._turn = asyncio.Lock()
        self._streams: dict[int, _Streaming] = {}

    async def run(self) -> None:
        """For ever; ends its tasks when it is cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._look_at_logs())
                while True:
                    self._look_for_nodes(tasks)
                    await self._look_at_processes()
                    self._look_now.clear()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_SECONDS):
                            await self._look_now.wait()
        finally:
            self._streams.clear()

    def _look_for_nodes(self, tasks: asyncio.TaskGroup) -> None:
        before, address = self._address, self._source.address
        self._address = address
        endpoints = {} if address is None else address.nodes
        is_same = before and address and before.cluster_id == address.cluster_id
        for node_id, streaming in list(self._streams.items()):
            if not is_same or endpoints.get(node_id) != streaming.endpoint:
                self._end(node_id)
        if address is not None and address.cluster_id != self._cluster_id:
            # Made anew under the same name: what is known is not of this one.
            if self._cluster_id is not None:
                self._model.clear()
            self._cluster_id = address.cluster_id
            self._on_cluster()
        self._model.members(endpoints)
        for node_id in sorted(endpoints.keys() - self._streams.keys()):
            assert address is not None, "only a cluster has nodes"
            stream = NodeStream(address, node_id, self._model, self._look_now.set, self._turn)
            task = tasks.create_task(stream.run())
            self._streams[node_id] = _Streaming(stream, task, endpoints[node_id])

    def _end(self, node_id: int) -> None:
        self._streams.pop(node_id).task.cancel()

    async def _look_at_processes(self) -> None:
        if self._address is None:
            return
        found = await asyncio.to_thread(self._source.processes)
        looked_ns = time.monotonic_ns()
        for node_id, process in found.items():
            view = self._model.nodes.get(node_id)
            if view is None:
                continue
            is_new = process.pid is not None and process.pid != view.process.pid
            self._model.process(node_id, process, looked_ns)
            if is_new and node_id in self._streams:
                self._streams[node_id].stream.wake()

    async def _look_at_logs(self) -> None:
        """Ask for the ends of the logs whose terms no frame told: what is not committed yet, and
        what took effect before the viewer came.
        """
        while True:
            await asyncio.sleep(LOG_SECONDS)
            address = self._address
            if address is not None:
                wanted = [view for view in self._model.nodes.values() if self._is_unknown(view)]
                await asyncio.gather(*(self._read_tail(address, view) for view in wanted))

    def _is_unknown(self, view: NodeView) -> bool:
        last = view.number("last_index")
        if not last or not view.is_live(time.monotonic_ns()):
            return False
        if last > view.number("commit_index"):
            return True
        shown = range(max(last - TAIL_ENTRIES + 1, view.number("first_index"), 1), last + 1)
        known = self._model.entries.get
        return any(known(index) is None and index not in view.tail for index in shown)

    async def _read_tail(self, address: ClusterAddress, view: NodeView) -> None:
        first = max(view.number("last_index") - TAIL_ENTRIES + 1, 1)
        try:
            document = await read_log(address, view.node_id, first, 0, 2 * TAIL_ENTRIES)
        except ClientError as error:
            if error.code == ODD_FORM:
                self._model.note_odd(view.node_id, "log")
            return  # of anything else its subscription says why
        if self._address is None or address.cluster_id != self._address.cluster_id:
            return  # of a cluster that is not shown any more
        self._model.log_end(view.node_id, document)
