"""How long a scenario's verdict and report take, from the end of the scenario on."""

import json
import statistics
import time
from pathlib import Path

from node.wire.messages import Recording
from node.wire.recording import read_recording
from tests.measure.commands import Raftctl, fresh_home

LIMIT = 5.0
SECONDS = 40
SCENARIO = f"""
name = "forty-seconds"
nodes = 5
duration = "{SECONDS}s"
seed = 1

[workload]
kind = "cas"
clients = 8
rate = "120/s"
keys = 20

[[step]]
when = "5s"
do = "partition leader, any-follower / rest"
as = "cut"
for = "12s"

[[step]]
when = "cut.healed + 2s"
do = "kill leader"
for = "3s"

[[step]]
when = "28s"
do = "pause leader"
for = "4s"
"""


def verdict(rounds: int) -> int:
    """`rounds` live runs of the scenario. 1 over the limit, or where a run does not hold."""
    took = []
    for number in range(1, rounds + 1):
        with fresh_home() as raftctl:
            took.append(_run(raftctl))
        print(f"run {number}: {took[-1]:.2f} s")
    print(
        f"from the end of {SECONDS} s to the verdict and the report: "
        f"median {statistics.median(took):.2f} s, max {max(took):.2f} s (limit {LIMIT:g} s)"
    )
    return 0 if max(took) <= LIMIT else 1


def _run(raftctl: Raftctl) -> float:
    """From when the last second of the scenario was over until the command had ended."""
    plan = raftctl.home / "plan.toml"
    plan.write_text(SCENARIO, encoding="utf-8")
    found = json.loads(raftctl.run("chaos", "run", str(plan), "-o", "json").stdout)
    ended = time.time()
    folder = Path(found["folder"])
    assert (folder / "report.html").is_file(), "it is written by then"
    return ended - _began(folder) - SECONDS


def _began(folder: Path) -> float:
    """When the run began, in Unix seconds: nodes tell something many times a second, and what they
    told from then on is in its recording.
    """
    with (folder / "recording.frames").open("rb") as file:
        head = next(read_recording(file))
    assert isinstance(head, Recording), "it comes first"
    return head.wall_ns / 1e9
