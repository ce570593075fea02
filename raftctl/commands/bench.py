"""bench: load on a cluster, and what it bears."""

import math
import re
from typing import TYPE_CHECKING, Annotated

import typer

from raftctl.commands.arguments import kv_cluster
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings
from raftctl.values import seconds, usage
from raftctl.verbs import section

if TYPE_CHECKING:
    from node.client.errors import ClientError
    from raftctl.documents import Bench

BENCH_SECONDS = 5.0
UNITS = {
    "ops_per_s": ("",),
    "p50": ("ms", "s"),
    "p95": ("ms", "s"),
    "p99": ("ms", "s"),
    "max": ("ms", "s"),
    "err": ("%",),
    "unknown": ("%",),
}
"""What can be asserted, and in which units."""


def add_to(app: typer.Typer) -> None:
    add = section(app, "Raftctl")
    add(bench, "bench put --inflight 256 --duration 10s", 'bench get --assert "p99<50ms,err<1%"')


def bench(
    context: typer.Context,
    mode: Annotated[str, typer.Argument(help="put or get.")],
    clients: Annotated[int, typer.Option(min=1, help="Sessions to spread the load over.")] = 16,
    inflight: Annotated[
        int, typer.Option(min=1, help="Requests in flight, over all clients.")
    ] = 256,
    rate: Annotated[str, typer.Option(help="Requests a second, or max.")] = "max",
    duration: Annotated[str | None, typer.Option(help="For so long; 10s.")] = None,
    ops: Annotated[int | None, typer.Option(min=1, help="So many requests.")] = None,
    size: Annotated[int, typer.Option(min=0, help="Bytes of a value.")] = 100,
    check: Annotated[str | None, typer.Option("--assert", help="p99<50ms,err<1%")] = None,
) -> int:
    """Measure puts or linearizable gets.

    Exit 7 when an assertion fails, 10 when no request succeeded.
    """
    from node.client.errors import ClientError
    from raftctl.cluster.load import make_load, run_load

    settings: Settings = context.obj
    if mode not in ("put", "get"):
        raise usage(f"bench {mode}", "put or get")
    per_second = None if rate == "max" else _rate(rate)
    lasting = seconds(duration) if duration else (None if ops else 10.0)
    checks = _checks(check)
    cluster = kv_cluster(settings)
    limit = cluster.spec.limits.value_bytes_max
    if size > limit:
        raise usage(f"--size {size}", f"at most {limit}, limits.value_bytes_max of {cluster.name}")
    load = make_load(mode, clients, inflight, per_second, lasting, ops, size)
    timeout = settings.timeout or BENCH_SECONDS
    document, ended_by = run_load(settings.output, cluster.address, load, timeout)
    if _total(document) or not isinstance(ended_by, ClientError):
        settings.output.show(document, lambda: _lines(document))
    if isinstance(ended_by, ClientError):
        raise _lost(document, ended_by)
    if ended_by is not None:
        raise ended_by
    _verify(document, checks)
    return Exit.OK


def _total(document: "Bench") -> int:
    return document.ops + document.errors + document.unknown


def _lines(document: "Bench") -> list[str]:
    return [
        f"{document.mode}  {document.ops_per_s:.0f} ops/s  {document.ops} ok  "
        f"{document.errors} errors  {document.unknown} unknown",
        f"p50 {_ms(document.p50_ms)}  p95 {_ms(document.p95_ms)}  p99 {_ms(document.p99_ms)}  "
        f"max {_ms(document.max_ms)}",
    ]


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value} ms"


def _lost(document: "Bench", error: "ClientError") -> CliError:
    """The cluster was lost on the way: what was in flight then may commit later."""
    from raftctl.errors import from_client_error

    failure = from_client_error(error)
    if document.unknown:
        failure.outcome = "unknown"
    return failure


def _verify(document: "Bench", checks: list[tuple[str, str, str, float]]) -> None:
    total = _total(document)
    if document.ops == 0:
        raise CliError(
            "E_VACUOUS",
            f"no request succeeded: {document.errors} errors, {document.unknown} unknown",
            Exit.INCONCLUSIVE,
            hint="raftctl status -o wide, raftctl faults; or a longer --duration",
            outcome="unknown" if document.unknown else "none",
        )
    values = {
        "ops_per_s": document.ops_per_s,
        "p50": document.p50_ms,
        "p95": document.p95_ms,
        "p99": document.p99_ms,
        "max": document.max_ms,
        "err": document.errors / total * 100,
        "unknown": document.unknown / total * 100,
    }
    for text, name, sign, bound in checks:
        value = values[name]
        if value is None or not (value < bound if sign == "<" else value > bound):
            raise CliError(
                "E_ASSERT",
                f"{text} does not hold: {value}{UNITS[name][0]}",
                Exit.CHECK_FAILED,
                hint="raftctl status -o wide, raftctl faults; or another bound after --assert",
            )


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not (math.isfinite(rate) and rate > 0):
        raise usage(f"--rate {text}", "a number above 0, or max")
    return rate


def _checks(text: str | None) -> list[tuple[str, str, str, float]]:
    """Each assertion as it was written, its metric, its sign, and its bound in ms or %."""
    checks = []
    for part in (text or "").replace(" ", "").split(","):
        if not part:
            continue
        found = re.fullmatch(r"(\w+)([<>])(\d+(?:\.\d+)?)(\D*)", part)
        if not found or found[1] not in UNITS:
            raise usage(f"--assert {part}", f"like p99<50ms; one of {', '.join(UNITS)}")
        if found[4] not in UNITS[found[1]]:
            units = " or ".join(UNITS[found[1]]) or "no unit"
            raise usage(f"--assert {part}", f"{found[1]} has {units}, like {_like(found[1])}")
        factor = 1000 if found[4] == "s" else 1
        checks.append((part, found[1], found[2], float(found[3]) * factor))
    return checks


def _like(metric: str) -> str:
    sign = ">" if metric == "ops_per_s" else "<"
    return f"{metric}{sign}50{UNITS[metric][0]}"
