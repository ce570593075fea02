"""bench: load on a cluster, and what it bears."""

import re
from typing import Annotated

import typer

from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings
from raftctl.values import seconds, usage
from raftctl.verbs import section

_ASSERT_HINT = "raftctl status -o wide, raftctl faults; or another bound after --assert"
METRICS = ("ops_per_s", "p50", "p95", "p99", "max", "err", "unknown")


def add_to(app: typer.Typer) -> None:
    add = section(app, "Raftctl")
    add(bench, "bench put --inflight 256 --duration 10s", 'bench get --assert "p99<50ms,err<1%"')


def bench(
    context: typer.Context,
    mode: Annotated[str, typer.Argument(help="put or get.")],
    clients: Annotated[int, typer.Option(help="Sessions to spread the load over.")] = 16,
    inflight: Annotated[int, typer.Option(help="Requests in flight, over all clients.")] = 256,
    rate: Annotated[str, typer.Option(help="Requests a second, or max.")] = "max",
    duration: Annotated[str | None, typer.Option(help="For so long; 10s.")] = None,
    ops: Annotated[int | None, typer.Option(help="So many requests.")] = None,
    size: Annotated[int, typer.Option(help="Bytes of a value.")] = 100,
    check: Annotated[str | None, typer.Option("--assert", help="p99<50ms,err<1%")] = None,
) -> int:
    """Measure puts or linearizable gets.

    Exit 7 when an assertion fails, 10 when nothing was measured.
    """
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.load import run_load

    settings: Settings = context.obj
    if mode not in ("put", "get"):
        raise usage(f"bench {mode}", "put or get")
    if inflight < 1 or clients < 1 or size < 0:
        raise usage("--inflight and --clients start at 1", "raftctl bench put --inflight 256")
    limit = None if rate == "max" else _number(rate)
    lasting = seconds(duration) if duration else (None if ops else 10.0)
    checks = _checks(check)
    cluster = find_cluster(settings)
    document = run_load(
        settings.output, cluster, mode, clients, inflight, limit, lasting, ops, size
    )
    settings.output.show(
        document,
        lambda: [
            f"{mode}  {document.ops_per_s:.0f} ops/s  {document.ops} ok  "
            f"{document.errors} errors  {document.unknown} unknown",
            f"p50 {document.p50_ms} ms  p95 {document.p95_ms} ms  p99 {document.p99_ms} ms  "
            f"max {document.max_ms} ms",
        ],
    )
    total = document.ops + document.errors + document.unknown
    if total == 0:
        raise CliError("E_VACUOUS", "no request was made", Exit.INCONCLUSIVE, hint="more --ops")
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
                "E_ASSERT", f"{text} does not hold: {value}", Exit.CHECK_FAILED, hint=_ASSERT_HINT
            )
    return Exit.OK


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise usage(f"--rate {text}", "a number, or max") from None


def _checks(text: str | None) -> list[tuple[str, str, str, float]]:
    checks = []
    for part in (text or "").replace(" ", "").split(","):
        if not part:
            continue
        found = re.fullmatch(r"(\w+)([<>])([\d.]+)(ms|s|%|)", part)
        if not found or found[1] not in METRICS:
            raise usage(f"--assert {part}", f"like p99<50ms; one of {', '.join(METRICS)}")
        factor = 1000 if found[4] == "s" else 1
        checks.append((part, found[1], found[2], float(found[3]) * factor))
    return checks
