"""What a chaos run prints, as the viewer gets it: a plan of three steps, and how it went."""

import json
from typing import Any

from raftctl.chaosdocs import ChaosCheck, ChaosLatency, ChaosRun
from raftctl.jsonform import to_json
from raftctl.metadocs import Error
from raftctl.progressdocs import (
    ChaosBroken,
    ChaosHits,
    ChaosLeader,
    ChaosPhase,
    ChaosPlan,
    ChaosSecond,
    ChaosStep,
    ChaosUse,
    PlannedStep,
)

FOLDER = "/srv/raftctl/runs/20261128T140200-cut-42"
PLAN = ChaosPlan(
    name="cut",
    about="The leader is alone for a while, then a follower dies.",
    seed=42,
    mode="live",
    run="20261128T140200-cut-42",
    folder=FOLDER,
    report=f"{FOLDER}/report.html",
    nodes=5,
    duration_ms=20_000,
    load="cas 120/s, 8 clients, 20 keys",
    steps=[
        PlannedStep(1, "alone", "2s", "partition leader / rest", 4_000),
        PlannedStep(2, "", "5s", "transfer", None),
        PlannedStep(3, "", "alone.healed + 2s", "kill any-follower", 1_000),
    ],
    rules=["one_leader_per_term", "committed_is_immutable"],
    at_end=["linearizable", "logs", "converged"],
)


def second(
    at: int, write: float = 1.0, read: float = 1.0, gap_ms: float = 61.0, hits: int = 0
) -> ChaosSecond:
    """That ended so many seconds after the begin."""
    return ChaosSecond(
        at_ms=at * 1000.0,
        write=ChaosUse(write, gap_ms),
        read=ChaosUse(read, gap_ms),
        ok=at * 118,
        fail=at,
        info=0,
        terms=2,
        committed=at * 90,
        broken=[],
        hits=[ChaosHits(1, hits)] if hits else [],
    )


CUT = "partition n3 / n1,n2,n4,n5"
BEGUN = ChaosStep(2_031.5, 1, "begun", "partition leader / rest", CUT, True, "")
ENDED = ChaosStep(6_040.0, 1, "ended", "partition leader / rest", CUT, True, "")
BROKEN = ChaosBroken("one_leader_per_term", "n1 and n2 both led term 3")
UNDER_WAY = (
    PLAN, second(1), second(2), BEGUN, ChaosLeader(2_340.0, "n1", 4),
    second(3, 0.52, 0.6, 480.0, 214), second(4, 1, 1, 480.0, 390), second(5, 1, 1, 480.0, 577),
    ChaosStep(5_020.0, 2, "begun", "transfer", "transfer n2", False, ""),
)  # fmt: skip
"""Five seconds of it: the first fault holds, and its third of the time is left."""


def verdict(how: Any = "ok", text: str = "3 checks hold") -> ChaosRun:
    return ChaosRun(
        verdict=how,
        text=text,
        name="cut",
        seed=42,
        mode="live",
        run=PLAN.run,
        folder=FOLDER,
        nodes=5,
        began="2026-11-28T14:02:00.000+00:00",
        duration_s=20.0,
        again="raftctl chaos run cut",
        versions={},
        checks=[
            ChaosCheck("linearizable", "ok", "2,310 operations on 20 keys"),
            ChaosCheck("converged", how, text),
        ],
        faults=[],
        operations={"ok": 2_310},
        latency=ChaosLatency(1.0, 2.0, 3.0, 4.0),
        write_share=0.97,
        read_share=0.98,
    )


WHOLE = (
    *UNDER_WAY, ENDED,
    ChaosStep(8_100.0, 3, "begun", "kill any-follower", "kill n4", True, "n4 does not run"),
    ChaosPhase(20_100.0, "converged", "converged"),
)  # fmt: skip
REFUSED = Error("E_SIZE", 6, "the scenario is about 5 nodes, and demo has 3", "--set nodes=3",
                None, False, "none", {})  # fmt: skip


def printed(*documents: Any) -> str:
    """As the command prints them."""
    return "".join(json.dumps(to_json(each), ensure_ascii=False) + "\n" for each in documents)
