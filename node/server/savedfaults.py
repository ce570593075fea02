"""The faults that a cluster's folder holds: they outlive the processes."""

import json
from pathlib import Path

from node.server.journal import log
from node.server.node import Node
from node.wire.words import node_name

ERROR_TEXT_MAX = 500


def load_faults(folder: Path, node: Node) -> None:
    """To be called before the first connection, and the first flush."""
    path = folder / "faults.json"
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        rules, node_rules = saved["rules"], saved.get("node_rules", [])
        if type(rules) is not list or type(node_rules) is not list:
            raise ValueError("its rules are no list")
        node.set_faults(rules, node_rules)
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        # A fault is a test; a node that does not start for the lack of one is a real failure.
        why = f"{path} is damaged: {type(error).__name__}: {error}"[:ERROR_TEXT_MAX]
        log("error", "starts without faults", node=node_name(node.identity.node_id), why=why)
