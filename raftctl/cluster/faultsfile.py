"""The faults of a cluster: faults.json in its folder, and the same rules in every live node.

The file is what a node reads when it starts; each rule carries its absolute expiry, so a fault ends
in the nodes and in the file alike, whoever is left to look.
"""

import contextlib
import fcntl
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from node.config import write_private
from node.faults import LinkRule
from raftctl.cluster.directory import Cluster

SEND_SECONDS_MAX = 1.0


@dataclass
class SavedFault:
    """One fault, as the operator made it. Times in Unix seconds."""

    id: int
    name: str
    kind: str
    spec: str
    created_at: float
    expires_at: float | None


@dataclass
class FaultSet:
    next_id: int
    faults: list[SavedFault]
    rules: list[LinkRule]

    def remove(self, ids: set[int]) -> None:
        self.faults = [fault for fault in self.faults if fault.id not in ids]
        self.rules = [rule for rule in self.rules if rule.fault not in ids]


def read_faults(cluster: Cluster) -> FaultSet:
    """The faults that are not over yet."""
    try:
        saved = json.loads((cluster.folder / "faults.json").read_text(encoding="utf-8"))
        faults = [SavedFault(**each) for each in saved["faults"]]
        rules = [LinkRule.from_map(each) for each in saved["rules"]]
        found = FaultSet(int(saved["next_id"]), faults, rules)
    except FileNotFoundError:
        return FaultSet(1, [], [])
    now = time.time()
    found.remove({f.id for f in found.faults if f.expires_at is not None and f.expires_at <= now})
    return found


@contextlib.contextmanager
def changing_faults(cluster: Cluster) -> Iterator[FaultSet]:
    """Read, change, write: one command at a time."""
    with (cluster.folder / "faults.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        faults = read_faults(cluster)
        yield faults
        document: dict[str, Any] = {
            "next_id": faults.next_id,
            "faults": [asdict(fault) for fault in faults.faults],
            "rules": [rule.to_map() for rule in faults.rules],
        }
        write_private(cluster.folder / "faults.json", json.dumps(document, indent=2) + "\n")


def send_faults(cluster: Cluster, rules: list[LinkRule]) -> dict[int, str | None]:
    """Put the rules in force on every running node. Gives each node's error, or None."""
    from node.client.admin import Admin
    from node.client.errors import ClientError

    maps = [rule.to_map() for rule in rules]
    results: dict[int, str | None] = {}
    for node_id, process in cluster.processes.items():
        if process.find() is None:
            continue  # it reads the file when it starts
        try:
            with Admin(cluster.address, node_id, SEND_SECONDS_MAX) as admin:
                admin.set_faults(maps)
            results[node_id] = None
        except ClientError as error:
            results[node_id] = error.message
    return results
