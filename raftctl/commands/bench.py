"""bench: load on a cluster, and what it bears."""

import math
from typing import TYPE_CHECKING, Annotated

import typer

from raftctl import completion
from raftctl.commands.arguments import kv_cluster
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings
from raftctl.values import seconds, usage
from raftctl.verbs import section

if TYPE_CHECKING:
    from node.client.errors import ClientError
    from node.client.pipeline import Load
    from raftctl.benchdocs import Bench
    from raftctl.benching.bounds import Bound
    from raftctl.benching.requests import Asked
    from raftctl.benching.running import EndedBy
    from raftctl.cluster.directory import Cluster

BENCH_SECONDS = 5.0
FAULTY_SECONDS = 30.0
"""How long a load goes on without a success, while faults are what it is about."""
DURATION_SECONDS = 10.0
BUSY_SHARE = 0.85
"""Of a core: a load that takes more of it measures itself."""
KEYS_MAX = 10_000_000
UNSENT_SHARE = 0.01
"""So many that were due by the rate, and not sent, are no matter of the last moment."""

Clients = Annotated[int, typer.Option(min=1, help="Sessions to spread the load over.")]
InFlight = Annotated[int, typer.Option(min=1, help="Requests in flight, over all clients.")]
Rate = Annotated[str, typer.Option(help="Requests a second, each due at its time; or max.")]
Keys = Annotated[int, typer.Option(min=1, max=KEYS_MAX, help="How many: key-0, key-1...")]
KeyOrder = Annotated[str, typer.Option(help="Which is next: sequential, uniform or zipfian.")]
ReadMode = Annotated[
    str,
    typer.Option(
        help="How reads are answered: linearizable, lease or stale.",
        autocompletion=completion.reads,
    ),
]
Scenario = Annotated[
    str | None, typer.Option(metavar="FILE|PRESET", help="A scenario's faults meanwhile.")
]


def add_to(app: typer.Typer) -> None:
    add = section(app, "Raftctl")
    add(
        bench,
        "bench put --inflight 256 --duration 10s",
        'bench get --assert "p99<50ms,err<1%"',
        "bench mixed --reads 90% --rate 2000 --distribution zipfian",
        "bench put --rate 500 --faults slow-disk-leader",
    )


def bench(
    context: typer.Context,
    mode: Annotated[str, typer.Argument(help="put, get or mixed.")],
    clients: Clients = 16,
    inflight: InFlight = 256,
    rate: Rate = "max",
    duration: Annotated[str | None, typer.Option(help="For so long; 10s.")] = None,
    ops: Annotated[int | None, typer.Option(min=1, help="So many requests.")] = None,
    size: Annotated[int, typer.Option(min=0, help="Bytes of a value.")] = 100,
    keys: Keys = 10_000,
    distribution: KeyOrder = "sequential",
    reads: Annotated[str, typer.Option(help="Share of reads in a mixed load.")] = "50%",
    read: ReadMode = "linearizable",
    check: Annotated[str | None, typer.Option("--assert", help="p99<50ms,ops>10000")] = None,
    faults: Scenario = None,
) -> int:
    """Measure puts, gets, or both, as fast as they go or at a rate.

    With -o jsonl each second is a document, and the last one is the whole. Exit 7 when an
    assertion fails, 10 when no request succeeded or a fault did nothing.
    """
    settings: Settings = context.obj
    from node.client.pipeline import Load
    from raftctl.benching.bounds import read_bounds
    from raftctl.benching.requests import Asked, one_of

    asked = Asked(
        one_of("bench", mode, "put", "get", "mixed"),
        size,
        keys,
        one_of("--distribution", distribution, "sequential", "uniform", "zipfian"),
        _share(reads),
    )
    load = Load(
        make=asked.maker(),
        is_read=asked.reads(),
        inflight=inflight,
        clients=min(clients, inflight),
        ops=ops,
        seconds=seconds(duration) if duration else None,
        rate=None if rate == "max" else _rate(rate),
        read_mode=one_of("--read", read, "linearizable", "lease", "stale"),
        answer_bytes=size,
    )
    bounds = read_bounds(check, mode)
    cluster = kv_cluster(settings)
    limit = cluster.spec.limits.value_bytes_max
    if size > limit:
        raise usage(f"--size {size}", f"at most {limit}, limits.value_bytes_max of {cluster.name}")
    at = "" if load.rate is None else f", {load.rate:g}/s"
    settings.output.note(f"bench {mode}: {inflight} in flight{at}")
    document, ended_by = _run(settings, cluster, load, asked, faults)
    _show(settings, document, ended_by)
    _verify(document, bounds)
    return Exit.OK


def _run(
    settings: Settings, cluster: "Cluster", load: "Load", asked: "Asked", faults: str | None
) -> "tuple[Bench, EndedBy | None]":
    """Until it is over: without a duration of its own a load goes on as long as its faults do."""
    from dataclasses import replace

    from raftctl.benching.running import run_load
    from raftctl.benching.telling import Tell

    if faults is None:
        if load.seconds is None and load.ops is None:
            load = replace(load, seconds=DURATION_SECONDS)
        timeout = settings.timeout or BENCH_SECONDS
        tell = Tell(settings.output, load.seconds, load.ops)
        return run_load(cluster.address, load, asked, timeout, tell, lambda: None)
    from raftctl.benching.faults import Faults
    from raftctl.chaos.presets import find_scenario

    scenario = find_scenario(faults)
    if load.seconds is None:
        load = replace(load, seconds=scenario.duration_us / 1e6)
    assert load.seconds is not None, "it was set"
    tell = Tell(settings.output, load.seconds, load.ops)
    with Faults(settings, scenario, cluster, load.seconds) as carried_out:
        carried_out.begin()
        try:
            timeout = settings.timeout or FAULTY_SECONDS
            found = run_load(cluster.address, load, asked, timeout, tell, carried_out.check)
        finally:
            steps = carried_out.end()
        document, ended_by = found
        return replace(document, faults=steps), ended_by


def _show(settings: Settings, document: "Bench", ended_by: "EndedBy | None") -> None:
    """Raises what ended it before its time."""
    from node.client.errors import ClientError
    from raftctl.benching.telling import lines

    if _total(document) or not isinstance(ended_by, ClientError):
        settings.output.show(document, lambda: lines(document))
    for fault in document.faults:
        if fault.why_not:
            settings.output.warn(f"{fault.line}: {fault.why_not}")
    if document.unsent > UNSENT_SHARE * (_total(document) + document.unsent):
        settings.output.warn(
            f"{document.unsent:,} requests were due by the rate, and not sent in time"
        )
    client = document.client
    if document.elapsed_ms >= 1000 and client.core_share > BUSY_SHARE:
        settings.output.warn(
            f"the load took {client.core_share:.0%} of the one core that it can use: "
            "the cluster may bear more"
        )
    if isinstance(ended_by, ClientError):
        raise _lost(document, ended_by)
    if ended_by is not None:
        raise ended_by


def _total(document: "Bench") -> int:
    return document.ops + document.errors + document.unknown


def _lost(document: "Bench", error: "ClientError") -> CliError:
    """The cluster was lost on the way: what was in flight then may commit later."""
    from raftctl.errors import from_client_error

    failure = from_client_error(error)
    if document.unknown:
        failure.outcome = "unknown"
    return failure


def _verify(document: "Bench", bounds: "list[Bound]") -> None:
    if document.ops == 0:
        raise CliError(
            "E_VACUOUS",
            f"no request succeeded: {document.errors} errors, {document.unknown} unknown",
            Exit.INCONCLUSIVE,
            hint="raftctl status -o wide, raftctl faults; or a longer --duration",
            outcome="unknown" if document.unknown else "none",
        )
    broken = [text for bound in bounds if (text := bound.broken_by(document))]
    if broken:
        raise CliError(
            "E_ASSERT",
            "; ".join(broken),
            Exit.CHECK_FAILED,
            hint="raftctl status -o wide, raftctl faults; or another bound after --assert",
            details={"broken": broken},
        )
    idle = [f"{fault.line}: {fault.why_not}" for fault in document.faults if fault.why_not]
    if idle:
        raise CliError(
            "E_VACUOUS",
            f"a fault that does nothing proves nothing: {'; '.join(idle)}",
            Exit.INCONCLUSIVE,
            hint="another step, or a longer --duration",
        )


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not (math.isfinite(rate) and rate > 0):
        raise usage(f"--rate {text}", "a number above 0, or max")
    return rate


def _share(text: str) -> float:
    from node.scenario.errors import ScenarioError
    from node.scenario.quantities import probability

    try:
        return probability(text)
    except ScenarioError as error:
        raise usage(f"--reads {text}", error.hint) from error
