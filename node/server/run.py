"""Putting a node together, and running it until it is told to stop.

A node that finds no `raft.db` was wiped, since the database is made with the cluster: it may have
promised anything, so it follows without voting or acknowledging, and says what to do.
"""

import gc
import os
import resource
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

import trio

from node.config import ClusterSpec, ConfigError, first_configuration, load_cluster, read_token
from node.faults import LinkPolicy
from node.machines.loading import MachineError, load_machine
from node.raft.config import CoreConfig
from node.raft.configuration import Configuration
from node.raft.events import ConfigurationChanged, Event
from node.replica import Replica
from node.replica.compaction import CompactionPolicy
from node.replica.state import NewMachine, at_boot
from node.server.addresses import AddressBook, Links
from node.server.chance import seeded_rng
from node.server.driver import Driver
from node.server.eventhub import EventHub
from node.server.firstelection import maybe_stand
from node.server.handover import hand_over
from node.server.journal import Folded, log
from node.server.node import Node
from node.server.nodefaults import NodeFaults
from node.server.observing import Observing
from node.server.ownership import OwnedError, PidFile, write_pid
from node.server.recorder import Recorder
from node.server.savedfaults import load_faults
from node.server.sessions import Session
from node.server.status import Status
from node.server.watches import Watches
from node.storage.base import SnapshotStore, Storage, StorageError
from node.storage.memory import MemorySnapshots, MemoryStorage
from node.storage.ondisk import DiskStorage
from node.storage.renewal import adopt
from node.storage.snapshots import SnapshotFiles
from node.transport.arrivals import Arrivals
from node.transport.channel import Channel
from node.transport.contacts import Contacts
from node.transport.listener import Listener
from node.transport.opening import BUFFER_BYTES_MAX, Identity, new_incarnation
from node.transport.peers import PeerLink
from node.wire.entries import ENTRY_OVERHEAD_BYTES
from node.wire.messages import Hello
from node.wire.words import node_name

FILES_MIN = 2048
"""All connections that the listener admits, those to peers, and the database."""
FREEZE_ENTRIES = 20_000
APPEND_BYTES_MAX = 1024 * 1024
SNAPSHOT_CHUNK_BYTES = 256 * 1024


class StartError(Exception):
    """The node cannot start; the message says why and what to do."""


_CANNOT_START = (
    ConfigError, MachineError, StorageError, OwnedError, StartError, ValueError, OSError
)  # fmt: skip


def run_node(folder: Path, node_id: int, lock: int | None = None) -> int:
    """Run node `node_id` of the cluster in `folder` until SIGTERM or SIGINT. Returns the exit code.

    0 after a clean stop, 1 when the node could not start or go on, with one clear last line on
    stderr. `lock` is the descriptor of its `pid` file, when whoever starts it holds the lock
    (`node.server.ownership`); it is this function's then, and is closed.
    """
    with ExitStack() as held:
        try:
            home = _home(folder, load_cluster(folder), node_id)
            held.callback(os.close, _own(home, lock))
            spec = load_cluster(folder)  # whoever had the data until now may have changed that
            stores = open_stores(folder, spec, node_id)
            # Before the lock goes: whoever has that next may remove the files.
            held.callback(stores.storage.close)
            new_machine = partial(load_machine, spec.machine, spec.machine_path)
            node = assemble(folder, spec, read_token(folder), node_id, stores, new_machine)
            load_faults(folder, node)
        except _CANNOT_START as error:
            log("error", "cannot start", node=node_name(node_id), why=str(error))
            return 1
        _allow_files()
        held.enter_context(_recording(home, node))
        try:
            trio.run(_serve, node, stores.is_wiped)
        except (StartError, BaseExceptionGroup) as error:
            cause = _first(error)
            text = _last_words(cause)
            if text is None:
                raise
            log("error", text, node=node_name(node_id), why=str(cause) or type(cause).__name__)
            return 1
        finally:
            if node.driver.is_saving:
                held.pop_all()  # its disk works yet: nobody else has the data while this one lives
    log("info", "stopped", node=node_name(node_id))
    return 0


def _own(home: Path, inherited: int | None) -> int:
    """Give the descriptor of the node's lock, with this process written down as who has it.

    Raises OwnedError, OSError.
    """
    file = PidFile(home)
    lock = file.claim() if inherited is None else file.inherit(inherited)
    write_pid(lock, os.getpid())  # a starter that was killed has not done so
    return lock


def _home(folder: Path, spec: ClusterSpec, node_id: int) -> Path:
    """The folder of one of the cluster's nodes. Raises StartError."""
    try:
        return folder / spec.address_of(node_id).name
    except KeyError:
        names = ", ".join(node.name for node in spec.nodes)
        raise StartError(f"cluster {spec.name} has no node n{node_id}; it has {names}") from None


def _last_words(cause: BaseException) -> str | None:
    """What ended the node; None for a bug of ours, whose traceback is wanted."""
    match cause:
        case StartError():
            return "cannot start"
        case StorageError():
            return "stopped: the disk failed"
        case MemoryError() | RecursionError():
            return "stopped: the state machine needs more than this process has"
        case _:
            return None


def _allow_files() -> None:
    """Let the process open as many sockets as the listener admits, where the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MIN if hard == resource.RLIM_INFINITY else min(FILES_MIN, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class Stores(NamedTuple):
    """What a node keeps, and whether that was lost. `faults`: of its disk, among others."""

    storage: Storage
    snapshots: SnapshotStore
    is_wiped: bool
    faults: NodeFaults


def open_stores(folder: Path, spec: ClusterSpec, node_id: int) -> Stores:
    """Raises StartError, StorageError."""
    home = _home(folder, spec, node_id)
    adopt(home, spec.cluster_id)  # what a command that was killed had prepared for this life
    faults = NodeFaults(seeded_rng())
    try:
        storage = DiskStorage(home, spec.cluster_id, node_id, faults.flush)
    except FileNotFoundError:
        first = first_configuration(spec.nodes)
        return Stores(MemoryStorage(first), MemorySnapshots(spec.cluster_id), True, faults)
    snapshots = SnapshotFiles(home / "snapshots", spec.cluster_id, faults.touch)
    return Stores(storage, snapshots, False, faults)


def assemble(
    folder: Path,
    spec: ClusterSpec,
    token: bytes,
    node_id: int,
    stores: Stores,
    new_machine: NewMachine,
) -> Node:
    """Raises StorageError, ValueError, and what `new_machine` raises."""
    boot = new_incarnation()
    replica = _revive(spec, node_id, stores, new_machine)
    book = AddressBook(folder, node_id, spec.nodes)
    core = replica.core
    book.learn(core.configuration)
    frame_bytes_max = spec.limits.frame_bytes_max
    identity = Identity(spec.cluster_id, token, node_id, boot, book, frame_bytes_max)
    policy = LinkPolicy(seeded_rng())
    contacts = Contacts(
        lost=lambda peer_id: driver.submit([partial(core.peer_lost, peer_id)]),
        met=lambda: maybe_stand(driver, links, spec.nodes),
    )
    links = Links(book, lambda to: PeerLink(to, identity, policy, contacts, seeded_rng()))
    hub = EventHub(boot)
    arrivals = Arrivals()
    driver = Driver(
        *(replica, stores.storage, stores.snapshots, links, hub, stores.faults),
        is_more_to_come=arrivals.are_there,
    )
    driver.on_event(partial(_follow, links))
    home = folder / spec.address_of(node_id).name
    status = Status(driver, links, policy, hub, boot, spec, home)
    hub.describe = status.document
    observing = Observing(replica, status, hub, driver.clock)
    driver.on_event(observing.look)
    return Node(
        spec,
        identity,
        driver,
        links,
        contacts,
        arrivals,
        policy,
        hub,
        status,
        observing,
        trio.Event(),
        Folded(),
    )


def _revive(spec: ClusterSpec, node_id: int, stores: Stores, new_machine: NewMachine) -> Replica:
    """The replica as it was when the node was last there."""
    stored = stores.storage.load()
    state, damages = at_boot(stored.snapshots, stores.snapshots, stored.base.index, new_machine)
    for damage in damages:
        log("error", "goes back to an older state", node=node_name(node_id), why=damage)
    # A crash may have left one that was not on record yet.
    stores.snapshots.keep(frozenset(snapshot.id for snapshot in stored.snapshots))
    return Replica(
        _core_config(spec, node_id, stored.first),
        stored,
        state,
        new_machine,
        seeded_rng(),
        stores.faults.clock.now(),
        voting=not stores.is_wiped,
        policy=CompactionPolicy(*spec.snapshots),
    )


def _follow(links: Links, event: Event) -> None:
    if isinstance(event, ConfigurationChanged):
        links.follow(event.configuration)


def _core_config(spec: ClusterSpec, node_id: int, first: Configuration) -> CoreConfig:
    return CoreConfig(
        node_id=node_id,
        voters=first.voters,
        addresses=first.addresses,
        priority=spec.address_of(node_id).priority,
        snapshot_chunk_bytes=min(SNAPSHOT_CHUNK_BYTES, spec.limits.frame_bytes_max // 4),
        election_timeout_us=spec.raft.election_timeout_ms * 1000,
        heartbeat_us=spec.raft.heartbeat_ms * 1000,
        spare_us=spec.raft.spare_ms * 1000,
        pre_vote=spec.raft.pre_vote,
        check_quorum=spec.raft.check_quorum,
        append_bytes_max=min(APPEND_BYTES_MAX, spec.limits.frame_bytes_max // 4),
        # With the largest frame on top of these, half of a link's buffer is still free.
        inflight_bytes_max=BUFFER_BYTES_MAX // 4,
        entry_size=len,
        entry_overhead=ENTRY_OVERHEAD_BYTES,
    )


def _recording(home: Path, node: Node) -> AbstractContextManager[None]:
    """Keeps what the node tells of itself, if the cluster wants that."""
    bytes_max = node.spec.recording.bytes_max
    if not bytes_max:
        return nullcontext()
    identity = node.identity
    recorder = Recorder(
        home, node.spec.name, identity.node_id, identity.incarnation, node.hub, bytes_max
    )
    return recorder.recording()


async def _serve(node: Node, is_wiped: bool) -> None:
    address = node.spec.address_of(node.identity.node_id)
    try:
        listeners = await trio.open_tcp_listeners(address.port, host=address.host)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise StartError(f"cannot listen on {address.host}:{address.port}: {why}") from error
    watches = Watches(node.driver, node.spec.limits.frame_bytes_max)
    node.driver.after_apply(watches.send_changes)
    core = node.driver.replica.core
    node.hub.publish(
        "boot", core.term, node=node_name(core.id), port=address.port, last_index=core.last_index
    )
    if is_wiped:
        log(
            "error",
            "raft.db is missing: this node lost what it had promised, so it only follows",
            hint=f"it has no vote and takes no entries; raftctl members replace {core.id}",
        )
    node.driver.after_apply(freezing(lambda: node.driver.replica.last_applied))
    # What start-up made stays for good: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(node.links.run)
        nursery.start_soon(node.expire_faults)
        nursery.start_soon(node.observing.run)
        nursery.start_soon(node.door.report_in_time)
        nursery.start_soon(_listener(node, watches).run, listeners)
        nursery.start_soon(_stop_on_signal, node)
        maybe_stand(node.driver, node.links, node.spec.nodes)  # who is alone meets nobody
        try:
            # Who follows need not find out by its silence.
            await node.driver.run()
            node.hub.publish("stop", core.term)
        except StorageError as error:
            node.hub.publish("disk", core.term, "error", state="failed", why=str(error))
            raise
        finally:
            with trio.move_on_after(0.1):  # let the last replies leave
                await trio.sleep_forever()
        nursery.cancel_scope.cancel()


def freezing(applied: Callable[[], int]) -> Callable[[], None]:
    """To be called after each batch: takes the log out of the collector's sight as it grows.

    A full collection looks at every entry: with a million of them that takes longer than an
    election timeout. Entries hold nothing that refers back to them, so counting references alone
    frees them. Young garbage goes first, since what is frozen is never collected.
    """
    frozen_through = applied()

    def freeze() -> None:
        nonlocal frozen_through
        if applied() - frozen_through >= FREEZE_ENTRIES:
            frozen_through = applied()
            gc.collect(1)
            gc.freeze()

    return freeze


def _listener(node: Node, watches: Watches) -> Listener:
    async def serve(channel: Channel, hello: Hello) -> None:
        session = Session(node, channel, hello, watches)
        if hello.role != "peer":
            await session.run()
            return
        node.links.open(hello.node_id)
        link = node.links.get(hello.node_id)
        if link is not None:
            link.poke()
        with node.contacts.connection(hello.node_id):
            await session.run()

    def refuse(who: str, code: str, reason: str) -> None:
        node.status.counters["refused_connections"] += 1
        node.status.counters[code] += 1
        node.door.log(time.monotonic(), "warn", "refused", code, who=who, why=repr(reason))

    return Listener(
        node.identity, serve, refuse, last_applied=lambda: node.driver.replica.last_applied
    )


async def _stop_on_signal(node: Node) -> None:
    """A leader hands over first, if it can do so quickly: the others need not miss it."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            log("info", "stopping", signal=signal.Signals(number).name)
            break
    await hand_over(node)
    node.driver.stop()
