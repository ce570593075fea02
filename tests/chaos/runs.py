"""A run that never was: what a judgement is asked about."""

from collections.abc import Sequence

from node.scenario.parsing import parse
from node.scenario.scenario import Step
from node.verify.told import Told
from raftctl.chaos.clients import Seen
from raftctl.chaos.disks import Logs
from raftctl.chaos.injecting import Injected
from raftctl.chaos.probes import Kind, Probe
from raftctl.chaos.running import Ran

S = 1_000_000_000
SCENARIO = """
nodes = 3
duration = "20s"

[workload]
rate = "1/s"

[[step]]
when = "5s"
do = "partition leader / rest"
as = "cut"
for = "4s"

[expect]
converge-within = "5s"

[expect.cut]
max-unavailable = { write = "1s", read = "1s" }
min-ok = 3
"""


def probes(kind: Kind, *silences: tuple[float, float], until: float = 20.0) -> list[Probe]:
    """Answered twenty times a second, but for those times, in seconds."""
    found = []
    for number in range(round(until * 20)):
        at = number / 20
        ok = not any(first <= at < last for first, last in silences)
        found.append(Probe(kind, round(at * S), round((at + 0.002) * S), ok))
    return found


def injected(step: Step, place: int = 0, began: float = 5.0, ended: float | None = 9.0) -> Injected:
    return Injected(
        place,
        step,
        action=step.action,
        number=1,
        began_ns=round(began * S),
        ended_ns=None if ended is None else round(ended * S),
        hits=7,
    )


def done(*seconds: float, f: str = "write") -> list[tuple[int, int, str, str]]:
    """Operations that succeeded then."""
    return [(round(at * S), 1_000_000, f, "ok") for at in seconds]


def ran(
    *silences: tuple[float, float],
    text: str = SCENARIO,
    steps: Sequence[Injected] | None = None,
    leaders: Sequence[tuple[int, int, int]] = (),
) -> Ran:
    """One in which all went well, but that nobody answered at those times."""
    scenario = parse(text)
    told = Told()
    told.take({"node": 1, "boot": 1, "kind": "leader", "term": 1, "data": {}})
    operations = done(1, 2, 5.5, 6, 7, 8, 12, 15)
    return Ran(
        scenario=scenario,
        steps=[injected(step) for step in scenario.steps] if steps is None else list(steps),
        seen=Seen({"ok": 19, "fail": 1, "info": 0}, 0, operations, refused=1),
        probes=[*probes("write", *silences), *probes("read", *silences)],
        told=told,
        leaders=list(leaders),
        members=[1],
        logs=Logs(),
        ended_ns=scenario.duration_us * 1000,
        converged_ns=S,
    )
