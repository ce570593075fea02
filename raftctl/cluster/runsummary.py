"""What a recording holds, by node."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from node.wire.messages import Bulk, Gap, Happened, Recording
from raftctl.cluster.eventlines import name, time_text
from raftctl.cluster.recordings import Run
from raftctl.errors import CliError
from raftctl.eventdocs import RunNode, RunRow, RunShow


@dataclass
class _Seen:
    first_ns: int
    last_ns: int = 0
    boots: set[int] = field(default_factory=set)
    frames: int = 0
    events: int = 0
    lost: int = 0
    term: int = 0
    applied: int = 0


def row(run: Run) -> RunRow:
    """Its line in a list: of its files only the beginnings are read."""
    size, ended = run.size_bytes, time_text(run.ended)
    try:
        heads = [head for _, head in run.heads()]
    except CliError as error:
        damage = error.message
        return RunRow(run.name, run.kind, [], None, ended, size, str(run.path), damage)
    nodes = sorted({head.node_id for head in heads} - {0})
    names, simulated = [f"n{node}" for node in nodes], _is_simulated(heads)
    started = None if simulated else time_text(min(head.wall_ns for head in heads))
    path = str(run.path)
    return RunRow(run.name, run.kind, names, started, ended, size, path, None, simulated)


def _is_simulated(heads: Iterable[Recording]) -> bool:
    """A simulation has one clock, which is no date."""
    return all(head.wall_ns == head.mono_ns for head in heads)


def summary(run: Run) -> RunShow:
    """All of it is read. Raises CliError when nothing can be."""
    seen: dict[int, _Seen] = {}
    heads = [head for _, head in run.heads()]
    first = min(head.wall_ns for head in heads)
    for item in run.items():
        frame = item.frame
        node = seen.setdefault(item.node_id, _Seen(frame.wall_ns))
        node.last_ns = frame.wall_ns
        node.boots.add(frame.boot)
        node.frames += 1
        node.term = item.term
        match frame:
            case Happened():
                node.events += 1
            case Gap():
                node.lost += frame.last - frame.first + 1
            case Bulk():
                node.applied = frame.last
    last = max((node.last_ns for node in seen.values()), default=None)
    simulated = _is_simulated(heads)
    return RunShow(
        run=run.name,
        cluster=min(head.cluster for head in heads),
        started=None if simulated else time_text(first),
        ended=None if simulated or last is None else time_text(last),
        duration_ms=0 if last is None else max(last - first, 0) // 1_000_000,
        frames=sum(node.frames for node in seen.values()),
        size_bytes=run.size_bytes,
        nodes=[_node(node_id, node) for node_id, node in sorted(seen.items())],
        damages=[damage.text for damage in run.damages],
        simulated=simulated,
    )


def _node(node_id: int, seen: _Seen) -> RunNode:
    return RunNode(
        name(node_id),
        len(seen.boots),
        seen.frames,
        seen.events,
        seen.lost,
        time_text(seen.first_ns),
        time_text(seen.last_ns),
        seen.term,
        seen.applied,
    )
