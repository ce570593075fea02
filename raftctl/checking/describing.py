"""What came out of checking a history, as a document."""

from pathlib import Path

from node.verify.history import NEVER, History
from node.verify.linearizability.keys import KeyVerdict
from node.verify.models import MODELS
from raftctl.checkdocs import Check, CheckedKey, CheckedOperation, CheckExplanation
from raftctl.checking.checked import Checked


def document_of(path: Path, history: History, checked: Checked, wall_s: float) -> Check:
    """Of a history that was read from `path`; `wall_s` from file to verdict."""
    failed, found = checked.failed, checked.explanation
    explanation = None
    if failed is not None:
        numbers = found.operations if found is not None else list(failed.suspects)
        explanation = CheckExplanation(
            failed.text if found is None else found.text,
            [] if found is None else found.possible,
            [operation_of(history, number) for number in numbers],
            0 if found is None else found.left_out,
        )
    return Check(
        history=str(path),
        model=checked.model,
        verdict=checked.verdict,
        text=checked.text,
        operations=checked.operations,
        unknown=checked.unknown,
        keys=[_key(each) for each in checked.keys],
        failed_key=None if failed is None else _key(failed),
        explanation=explanation,
        wall_s=round(wall_s, 3),
    )


def _key(verdict: KeyVerdict) -> CheckedKey:
    return CheckedKey(
        verdict.key, verdict.verdict, verdict.stage, verdict.operations, verdict.resolved,
        verdict.text,
    )  # fmt: skip


def operation_of(history: History, number: int) -> CheckedOperation:
    """An operation of a history that has the shape of its model."""
    assert history.shaped_for is not None, "it was checked"
    model = MODELS[history.shaped_for]
    end = history.completed[number]
    text = model.tell(history.name_of(number), history.values[number], history.results[number])
    return CheckedOperation(
        op=number + 1,
        text=text,
        process=history.processes[number],
        line=history.lines[number],
        end_line=history.end_lines[number] or None,
        from_ns=history.invoked[number] if history.is_timed else None,
        to_ns=end if history.is_timed and end != NEVER else None,
    )
