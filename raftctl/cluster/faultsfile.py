"""The faults of a cluster: faults.json in its folder, and the same rules in every live node.

The file is what a node reads when it starts; each rule carries its absolute expiry, so a fault ends
in the nodes and in the file alike, whoever is left to look. One command at a time changes both.
"""

import contextlib
import fcntl
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.config import write_private
from raftctl.cluster.directory import Cluster
from raftctl.cluster.processes import NodeProcess, is_paused
from raftctl.errors import CliError
from raftctl.exit_codes import Exit

if TYPE_CHECKING:
    from node.faults import LinkRule
    from node.nodefaults import NodeRule

SEND_SECONDS_MAX = 1.0
START_SECONDS_MAX = 5.0
"""So long a process that does not listen yet is asked again."""
POLL_SECONDS = 0.02


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
    rules: list["LinkRule"]
    node_rules: list["NodeRule"] = field(default_factory=list)
    told: dict[int, str | None] = field(default_factory=dict)
    """Who got the rules when they changed: each running node's error, or None."""
    later: list[int] = field(default_factory=list)
    """Paused nodes: `resume` tells them."""
    was_damaged: bool = False
    """Nobody can say what held before."""

    def remove(self, ids: set[int]) -> None:
        self.faults = [fault for fault in self.faults if fault.id not in ids]
        self.rules = [rule for rule in self.rules if rule.fault not in ids]
        self.node_rules = [rule for rule in self.node_rules if rule.fault not in ids]


def read_faults(cluster: Cluster) -> FaultSet:
    """The faults that are not over yet. Raises CliError when the file is damaged."""
    path = cluster.folder / "faults.json"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:  # most clusters have none, and need not know what rules are
        return FaultSet(1, [], [])
    except (OSError, ValueError) as error:
        raise _damaged(cluster, path, error) from error
    from node.faults import FaultError, LinkRule
    from node.nodefaults import NodeRule

    try:
        saved = json.loads(text)
        faults = [SavedFault(**each) for each in saved["faults"]]
        rules = [LinkRule.from_map(each) for each in saved["rules"]]
        node_rules = [NodeRule.from_map(each) for each in saved.get("node_rules", [])]
        found = FaultSet(int(saved["next_id"]), faults, rules, node_rules)
    except (ValueError, KeyError, TypeError, FaultError) as error:
        raise _damaged(cluster, path, error) from error
    now = time.time()
    found.remove({f.id for f in found.faults if f.expires_at is not None and f.expires_at <= now})
    return found


def _damaged(cluster: Cluster, path: Path, error: Exception) -> CliError:
    hint = f"{cluster.line} heal all begins it anew"
    return CliError("E_FAULTS", f"{path} is damaged: {error}", Exit.USAGE, hint=hint)


def failing_disk(cluster: Cluster, node_id: int) -> int | None:
    """The number of the fault that ends this node with its next flush."""
    try:
        rules = read_faults(cluster).node_rules
    except CliError:  # a damaged file holds for nobody; `faults` says so
        return None
    return next((r.fault for r in rules if (r.node, r.kind) == (node_id, "fail")), None)


@contextlib.contextmanager
def _locked(cluster: Cluster) -> Iterator[None]:
    with (cluster.folder / "faults.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def changing_faults(cluster: Cluster, discard_damage: bool = False) -> Iterator[FaultSet]:
    """Read and change; then it is written and told to the nodes, in `told`."""
    with _locked(cluster):
        try:
            faults = read_faults(cluster)
        except CliError:
            if not discard_damage:
                raise
            faults = FaultSet(1, [], [], was_damaged=True)
        yield faults
        document: dict[str, Any] = {
            "next_id": faults.next_id,
            "faults": [asdict(fault) for fault in faults.faults],
            "rules": [rule.to_map() for rule in faults.rules],
            "node_rules": [rule.to_map() for rule in faults.node_rules],
        }
        write_private(cluster.folder / "faults.json", json.dumps(document, indent=2) + "\n")
        _tell(cluster, faults)


def tell_again(cluster: Cluster) -> None:
    """Give the nodes the rules that hold now; for one that could not be told when they changed."""
    with _locked(cluster):
        _tell(cluster, read_faults(cluster))


def _tell(cluster: Cluster, faults: FaultSet) -> None:
    """Put the rules in force on every running node."""
    maps = [rule.to_map() for rule in faults.rules]
    node_maps = [rule.to_map() for rule in faults.node_rules]
    for node_id, process in cluster.processes.items():
        pid = process.find()
        if pid is None:
            continue  # it reads the file when it starts
        if is_paused(pid):
            faults.later.append(node_id)
            continue
        error = _send(cluster, process, maps, node_maps)
        if error is None or process.find() is not None:
            faults.told[node_id] = error


def _send(
    cluster: Cluster,
    process: NodeProcess,
    maps: list[dict[str, Any]],
    node_maps: list[dict[str, Any]],
) -> str | None:
    """Why a node does not have the rules now; None: it has. One that starts may have read the file
    as it was, and does not listen yet: it is asked again until it does, or is gone.
    """
    from node.client.admin import Admin
    from node.client.errors import ClientError

    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            with Admin(cluster.address, process.node_id, SEND_SECONDS_MAX) as admin:
                admin.set_faults(maps, node_maps)
        except ClientError as error:
            is_over = process.find() is None or time.monotonic() >= deadline
            if error.code not in ("refused", "gone") or is_over:
                return error.message
            time.sleep(POLL_SECONDS)
        else:
            return None
