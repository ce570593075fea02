"""Whether the history of a run is linearizable, and the answer of `raftctl check` beside it."""

import json
import time

from node.scenario.scenario import Scenario
from raftctl.chaos.committed import Committed
from raftctl.chaos.folders import RunFolder
from raftctl.chaosdocs import ChaosCheck
from raftctl.checking import check_operations
from raftctl.checking.checked import Checked
from raftctl.checking.describing import document_of
from raftctl.checking.files import load_history
from raftctl.jsonform import to_json
from raftctl.workers import default_jobs

NAME = "linearizable"
BUDGET_SECONDS = 20.0
"""So long it is searched for an order, in what a scenario of a minute leaves."""


def check_history(folder: RunFolder, scenario: Scenario, committed: Committed) -> ChaosCheck:
    """Check it, with what is known to have been committed, and write down what came of that.

    Raises CliError, OSError.
    """
    if not scenario.expect.linearizable:
        return ChaosCheck(NAME, "unasked", "not asked for")
    began = time.monotonic()
    history = load_history(folder.history)
    checked = check_operations(
        history, seconds=BUDGET_SECONDS, jobs=default_jobs(), committed=committed.commands
    )
    document = document_of(folder.history, history, checked, time.monotonic() - began)
    folder.check.write_text(json.dumps(to_json(document), indent=2) + "\n", encoding="utf-8")
    if checked.verdict != "ok":
        key = "" if checked.failed is None else f"key {checked.failed.key}: "
        return ChaosCheck(NAME, checked.verdict, f"{key}{checked.text}")
    if not checked.operations:
        return ChaosCheck(NAME, "inconclusive", "there is no operation")
    text = f"{checked.operations:,} operations on {len(checked.keys):,} keys"
    return ChaosCheck(NAME, "ok", text + _of_unknown(checked, committed))


def _of_unknown(checked: Checked, committed: Committed) -> str:
    """What became of the operations whose outcome no client was told."""
    if not checked.unknown:
        return ""
    found = sum(key.resolved for key in checked.keys)
    if committed.commands is None:
        return f", {checked.unknown:,} of unknown outcome; {committed.why_not}"
    return f", {checked.unknown:,} of unknown outcome, {found:,} of them told by the log"
