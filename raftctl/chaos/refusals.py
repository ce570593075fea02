"""Nodes that do not start on data that a step damaged, as they should not."""

import re
from collections.abc import Collection
from pathlib import Path

from raftctl.chaos.lines import Ended

_SAID = re.compile(r" error cannot start node=n(\d+) why=([^;\n]*)")


def refusal(ended: Ended, damaged: Collection[int], folder: Path) -> str:
    """What nodes said that refused to start; empty where all did, or something else kept one from
    it. `damaged`: the nodes that may refuse; `folder`: that of the cluster.
    """
    said = {int(node_id): why for node_id, why in _SAID.findall(ended.message)}
    targets = ended.document.get("targets") or ()
    failed = {int(each["node"][1:]) for each in targets if not each["ok"]} or set(said)
    if not said or not failed <= said.keys() & set(damaged):
        return ""
    return "; ".join(
        f"n{node_id} refused to start: {why.replace(f'{folder}/', '')}"
        for node_id, why in sorted(said.items())
    )
