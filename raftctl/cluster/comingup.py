"""The second half of `raftctl up`: its nodes were started, and it waits until they are a cluster.

Nothing of this is needed to start them, so it is loaded while they start.
"""

import time

from raftctl.cluster.conditions import all_answer, has_leader, ready_of
from raftctl.cluster.directory import Cluster
from raftctl.cluster.observation import observe
from raftctl.cluster.show import node_table
from raftctl.cluster.waiting import wait_for
from raftctl.clusterdocs import Up
from raftctl.settings import Settings
from raftctl.statusdocs import Status

UP_SECONDS = 30.0


def wait_until(until: str, settings: Settings, cluster: Cluster, starting: list[int]) -> Status:
    """Wait for what `until` names: leader, ready or none. Those of `starting` have to answer, too.

    Raises CliError.
    """
    if until == "none":
        return observe(cluster, timeout=0.2)
    is_there = has_leader if until == "leader" else ready_of(cluster)
    what = "with a leader" if until == "leader" else "ready"
    answers = all_answer(starting)
    return wait_for(
        cluster,
        lambda status: is_there(status) and answers(status),
        what,
        settings.timeout or UP_SECONDS,
        started=starting,
    )


def show_up(settings: Settings, cluster: Cluster, status: Status, is_new: bool) -> None:
    """Print the cluster that is up, and what to type next."""
    output = settings.output
    if status.leader is not None:
        output.done(f"leader {status.leader} term {status.term}")
    took = round((time.monotonic() - output.started) * 1000)
    document = Up(cluster.name, status.leader, status.term, is_new, took, status.nodes)
    output.show(document, lambda: node_table(status, status.nodes, output))
    data = ("put k v", "get k") if cluster.spec.machine == "kv" else ("propose COMMAND",)
    verbs = ("status", *data, "down")
    output.note("Next: " + ", ".join(f"{cluster.line} {verb}" for verb in verbs))
