"""What differs between runs: everything, by the seed, so that many runs meet many situations.

Each kind of fault is wholly absent from about half of the runs, cuts from a fifth: what is always
there hides what only happens without it (Groce et al., Swarm Testing, 2012).
"""

import dataclasses
import random
from collections.abc import Mapping
from dataclasses import dataclass

from node.faults import DELAY_MS_MAX
from node.replica.sessions import SESSIONS_MAX
from node.sim.streams import stream

FORMAT = 7
"""Stands in every plan that is written. A change that makes another run of the same seed raises it.
"""
NODES_MAX = 9
CLIENTS_MAX = 64
RESETS_MAX = 100
LEASE_PERCENT_MAX = 90
"""Clocks that go as leases allow differ by the rest."""


class OptionError(ValueError):
    """An option that does not exist, or a value that cannot be."""


class FormatError(OptionError):
    """A plan of another version, in which the same seed was another run."""


@dataclass(frozen=True, slots=True)
class Options:
    """The world of one run, but for its faults. Probabilities from 0 to 1; `_ms` milliseconds."""

    nodes: int = 3
    clients: int = 4
    rate: int = 50
    """Operations a second, of all clients together."""
    keys: int = 8
    duration_ms: int = 20_000
    timeout_ms: int = 1000
    """Of an operation."""
    election_timeout_ms: int = 150
    heartbeat_ms: int = 50
    pre_vote: bool = True
    check_quorum: bool = True
    lease_reads: bool = False
    stale_reads: bool = False
    follower_reads: float = 0.1
    """How often a client asks one node, whoever leads."""
    astray: float = 0.0
    """How often a client asks just anybody first, as one does that has only come."""
    readers: float = 0.0
    """The share of the clients that never write."""
    append_bytes_max: int = 1 << 20
    """Of one append, which holds at least one entry."""
    inflight_max: int = 64
    snapshot_entries: int = 100
    """0: none is taken."""
    snapshot_tail: int = 10
    snapshot_chunk_bytes: int = 4096
    snapshot_ms_max: int = 20
    load_ms_max: int = 20
    """To load a snapshot that came in."""
    latency_ms: float = 1.0
    jitter_ms: float = 0.5
    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    late: float = 0.0
    """How often a message comes once more, long after it was sent."""
    ordered: bool = True
    queue_max: int = 64
    client_loss: float = 0.0
    client_late: float = 0.0
    """How often a request that its client takes for lost arrives long after."""
    clock_ppm: int = 0
    """How much faster or slower than true a clock runs at most, in millionths."""
    disk_ms_min: float = 0.2
    disk_ms_max: float = 1.0
    sessions_max: int = SESSIONS_MAX
    """Of clients that a node remembers."""
    callers: int = 1
    """So many clients at a time share a session, as do the calls of one that never waits."""
    uncommitted_max: int = 4096
    uncommitted_bytes_max: int = 64 << 20
    """What a leader takes without a majority."""
    reads_max: int = 65_536
    inflight_bytes_max: int = 8 << 20
    priority_min: int = 100
    """Each node draws its own, from here to 100."""
    lease_percent: int = 90
    flush_crash: float = 0.0
    """How often a node dies while it writes down a vote, or shortens its log, or just after."""
    noticed: float = 0.0
    """How often a node notices, by its connections, that the process of another one is gone."""
    resets: float = 0.0
    """In a second: how often the connections between two nodes end, while both of them live."""
    flaps: float = 0.0
    """In a second: how often all connections of one node end, while it lives."""
    batches: float = 0.0
    """How often a client asks for several things at once."""
    spare_ms: int = 0
    """For so long a leader asks a majority alone."""

    def checked(self) -> "Options":
        """Itself. Raises OptionError for values that cannot be, or not together."""
        for name, (least, most) in LIMITS.items():
            if not least <= getattr(self, name) <= most:
                raise OptionError(f"{name} has to be from {least} to {most}")
        if self.heartbeat_ms >= self.election_timeout_ms:
            raise OptionError("heartbeat_ms has to be below election_timeout_ms")
        if self.disk_ms_min > self.disk_ms_max:
            raise OptionError("disk_ms_min has to be at most disk_ms_max")
        return self


_CHANCE = (0, 1)
_DELAY_MS = (0, DELAY_MS_MAX)
LIMITS: Mapping[str, tuple[int, int]] = {
    "nodes": (1, NODES_MAX),
    "clients": (0, CLIENTS_MAX),
    "rate": (1, 10_000),
    "keys": (1, 10_000),
    "duration_ms": (1, 86_400_000),
    "timeout_ms": (1, 600_000),
    "election_timeout_ms": (2, 60_000),
    "heartbeat_ms": (1, 60_000),
    "follower_reads": _CHANCE,
    "astray": _CHANCE,
    "readers": _CHANCE,
    "append_bytes_max": (1, 1 << 24),
    "inflight_max": (1, 10_000),
    "snapshot_entries": (0, 1_000_000),
    "snapshot_tail": (0, 1_000_000),
    "snapshot_chunk_bytes": (1, 1 << 20),
    "snapshot_ms_max": _DELAY_MS,
    "load_ms_max": _DELAY_MS,
    "latency_ms": _DELAY_MS,
    "jitter_ms": _DELAY_MS,
    "drop": _CHANCE,
    "duplicate": _CHANCE,
    "reorder": _CHANCE,
    "late": _CHANCE,
    "queue_max": (1, 100_000),
    "sessions_max": (1, 1 << 20),
    "callers": (1, CLIENTS_MAX),
    "uncommitted_max": (1, 1 << 20),
    "uncommitted_bytes_max": (1, 1 << 40),
    "reads_max": (1, 1 << 20),
    "inflight_bytes_max": (1, 1 << 40),
    "priority_min": (0, 100),
    "lease_percent": (1, LEASE_PERCENT_MAX),
    "client_loss": _CHANCE,
    "client_late": _CHANCE,
    "clock_ppm": (0, 500_000),
    "disk_ms_min": _DELAY_MS,
    "disk_ms_max": _DELAY_MS,
    "flush_crash": _CHANCE,
    "noticed": _CHANCE,
    "resets": (0, RESETS_MAX),
    "flaps": (0, RESETS_MAX),
    "batches": _CHANCE,
    "spare_ms": (0, 60_000),
}
"""Of each number, the least and the most."""


OF_THE_PLAN = ("drawn", "digest", "format")
"""What stands among the options in a plan, and says how that was made."""


def check_options(values: Mapping[str, int | float | bool | str]) -> None:
    """Whether there are such options, with such values. Raises OptionError."""
    default = Options()
    for name, value in values.items():
        if name not in OF_THE_PLAN:
            _check_value(default, name, value)


def _check_value(options: Options, name: str, value: float | bool | str) -> None:
    if name not in {each.name for each in dataclasses.fields(Options)}:
        raise OptionError(f"there is no option {name}")
    default = getattr(options, name)
    if type(value) is not type(default) and not (type(default) is float and type(value) is int):
        raise OptionError(f"{name} has to be like {default!r}, not {value!r}")


def changed(options: Options, values: Mapping[str, int | float | bool | str]) -> Options:
    """`options` with other values for some. Raises OptionError."""
    for name, value in values.items():
        _check_value(options, name, value)
    return dataclasses.replace(options, **dict(values)).checked()  # type: ignore[arg-type]


def draw(seed: int) -> Options:
    """The world of this seed."""
    rng = stream(seed, "options")
    election_timeout_ms = rng.choice([50, 100, 150, 300, 1000])
    latency_ms = rng.choice([0.1, 1.0, 5.0, 20.0, 100.0]) * rng.random()
    latency_ms = min(latency_ms, election_timeout_ms / 4)
    is_lossy = rng.random() < 0.5
    lease_reads = rng.random() < 0.4
    disk_ms_max = rng.choice([0.5, 2.0, 10.0, 50.0])
    if rng.random() < 0.75:  # else hardly an election is over before the next one begins
        disk_ms_max = min(disk_ms_max, election_timeout_ms / 10)
    options = Options(
        nodes=rng.choice([1, 2, 3, 3, 3, 4, 5, 5, 5, 6, 7]),
        clients=rng.randint(1, 12),
        rate=rng.choice([20, 50, 100, 200]),
        keys=rng.choice([1, 2, 5, 20]),
        timeout_ms=rng.choice([500, 1000, 3000]),
        election_timeout_ms=election_timeout_ms,
        heartbeat_ms=max(1, election_timeout_ms // rng.choice([2, 3, 5, 10])),
        pre_vote=rng.random() < 0.75,
        check_quorum=lease_reads or rng.random() < 0.5,
        lease_reads=lease_reads,
        stale_reads=rng.random() < 0.3,
        follower_reads=rng.choice([0.0, 0.1, 0.5]),
        append_bytes_max=rng.choice([1, 200, 1000, 1 << 20]),
        inflight_max=rng.choice([1, 2, 8, 64]),
        snapshot_entries=0 if rng.random() < 0.15 else rng.randint(20, 300),
        snapshot_tail=rng.choice([0, 0, 5, 20, 100]),
        snapshot_chunk_bytes=rng.choice([16, 64, 256, 4096]),
        snapshot_ms_max=rng.choice([1, 20, 200]),
        latency_ms=latency_ms,
        jitter_ms=latency_ms * rng.choice([0.0, 0.2, 1.0]),
        drop=_some(rng, is_lossy, 0.3),
        duplicate=_some(rng, is_lossy, 0.2),
        reorder=_some(rng, is_lossy, 0.2),
        ordered=rng.random() < 0.5,
        queue_max=rng.choice([4, 16, 64, 64]),
        client_loss=_some(rng, rng.random() < 0.5, 0.1),
        clock_ppm=rng.choice([0, 100, 50_000]) if lease_reads else rng.choice([0, 100, 100_000]),
        disk_ms_min=disk_ms_max * rng.choice([0.1, 0.5]),
        disk_ms_max=disk_ms_max,
        astray=rng.choice([0.0, 0.02, 0.2]),
        readers=rng.choice([0.0, 0.3, 0.6]),
        flush_crash=rng.choice([0.02, 0.1]) if rng.random() < 0.4 else 0.0,
        late=_some(rng, rng.random() < 0.5, 0.05),
        client_late=rng.choice([0.0, 0.5]),
        sessions_max=rng.randint(2, 8) if rng.random() < 0.2 else SESSIONS_MAX,
    )
    if lease_reads and rng.random() < 0.6:
        # A rival that was cut off has the newest entry only as long as nobody writes another one.
        options = dataclasses.replace(options, rate=rng.choice([5, 10, 20]), readers=0.75)
    options = _calmed(stream(seed, "calm"), options) if rng.random() < 0.12 else options
    options = _connected(stream(seed, "contacts"), _bounded(stream(seed, "bounds"), options))
    options = _batched(stream(seed, "batches"), options)
    return _sparing(stream(seed, "sparing"), options)


def _batched(rng: random.Random, options: Options) -> Options:
    """The same with clients that ask for several things at once."""
    batches = 0.0 if rng.random() < 0.5 else rng.choice([0.05, 0.2])
    return dataclasses.replace(options, batches=batches)


def _sparing(rng: random.Random, options: Options) -> Options:
    """The same with leaders that ask a majority alone, for moments or for longer than a heartbeat
    takes to come.
    """
    some = [1, max(1, options.heartbeat_ms // 3), 3 * options.heartbeat_ms]
    return dataclasses.replace(options, spare_ms=0 if rng.random() < 0.6 else rng.choice(some))


def _connected(rng: random.Random, options: Options) -> Options:
    """The same with connections that end, with a process or without."""
    return dataclasses.replace(
        options,
        noticed=rng.choice([0.5, 1.0]) if rng.random() < 0.5 else 0.0,
        resets=rng.choice([0.1, 1.0]) if rng.random() < 0.5 else 0.0,
        flaps=rng.choice([0.1, 0.5]) if rng.random() < 0.3 else 0.0,
    )


def _bounded(rng: random.Random, options: Options) -> Options:
    """The same with bounds that are reached now and then, and clients that share sessions."""
    some: dict[str, int] = {}
    if rng.random() < 0.5:
        some["callers"] = rng.randint(2, 4)
    if rng.random() < 0.2:
        some["uncommitted_max"] = rng.choice([1, 3, 8])
    if rng.random() < 0.2:
        some["uncommitted_bytes_max"] = rng.choice([1, 300, 1000])
    if rng.random() < 0.2:
        some["reads_max"] = rng.choice([1, 2, 4])
    if rng.random() < 0.2:
        some["inflight_bytes_max"] = rng.choice([1, 300, 1000])
    if rng.random() < 0.3:
        some["priority_min"] = rng.choice([0, 50])
    if options.lease_reads and rng.random() < 0.3:
        some["lease_percent"] = rng.choice([30, 70])
    some["load_ms_max"] = options.snapshot_ms_max
    if rng.random() < 0.4:  # so long that the node may get as far without it
        some["load_ms_max"] = options.election_timeout_ms * rng.choice([6, 12])
        some["nodes"] = max(options.nodes, 5)
        some["snapshot_tail"] = rng.choice([0, 5])
        some["snapshot_chunk_bytes"] = rng.choice([256, 4096])
    return changed(options, some)


def _calmed(rng: random.Random, options: Options) -> Options:
    """The same with links and disks that elections succeed with: what is only to be expected of a
    cluster then would never be seen in a world where each thing is drawn for itself. In some nobody
    writes: whoever is half cut off lacks no entry there, and would be elected if it was let.
    """
    timeout_ms = min(options.election_timeout_ms, 150)
    return dataclasses.replace(
        options,
        election_timeout_ms=timeout_ms,
        heartbeat_ms=min(options.heartbeat_ms, timeout_ms // 3),
        pre_vote=True,
        check_quorum=True,
        latency_ms=min(options.latency_ms, timeout_ms / 20),
        jitter_ms=min(options.jitter_ms, timeout_ms / 20),
        drop=min(options.drop, 0.02),
        duplicate=min(options.duplicate, 0.02),
        reorder=min(options.reorder, 0.02),
        disk_ms_min=min(options.disk_ms_min, timeout_ms / 20),
        disk_ms_max=min(options.disk_ms_max, timeout_ms / 10),
        queue_max=max(options.queue_max, 16),
        readers=1.0 if rng.random() < 0.3 else options.readers,
    )


def _some(rng: random.Random, is_wanted: bool, most: float) -> float:
    """From 0 to `most`, small values more often."""
    value = rng.random() ** 2 * most
    return value if is_wanted else 0.0


def values_of(options: Options) -> dict[str, int | float | bool | str]:
    """By name, as a scenario file holds them; the inverse is `changed`."""
    return {"format": FORMAT, **dataclasses.asdict(options)}
