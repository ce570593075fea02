"""Every error says what to type next."""

import ast
from pathlib import Path

import pytest

from node.client import errors
from raftctl.errors import from_client_error
from raftctl.exit_codes import Exit

RAFTCTL = Path(__file__).resolve().parents[2] / "raftctl"
FILES = [
    *(RAFTCTL / "commands" / f"{name}.py" for name in ("arguments", "data", "bench", "raft")),
    RAFTCTL / "errors.py",
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_error_is_made_with_a_hint(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id == "CliError":
            assert "hint" in {each.arg for each in node.keywords}, node.lineno
        if node.func.id == "usage":
            assert len(node.args) == 2, node.lineno


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (errors.DeadlineError("timeout", "late"), "E_TIMEOUT", Exit.TIMED_OUT),
        (errors.NoLeaderError("no_leader", "none"), "E_NO_LEADER", Exit.NO_QUORUM),
        (errors.NoLeaderError("no_quorum", "none"), "E_NO_QUORUM", Exit.NO_QUORUM),
        (errors.UnreachableError("refused", "n1"), "E_UNREACHABLE", Exit.NOT_RUNNING),
        (errors.OutcomeUnknownError("x", "x", "unknown"), "E_OUTCOME_UNKNOWN", Exit.TIMED_OUT),
        (errors.RejectedError("too_large", "big"), "E_REJECTED", Exit.USAGE),
        (errors.RejectedError("bad_request", "bad"), "E_REJECTED", Exit.USAGE),
        (errors.RejectedError("history_lost", "gone"), "E_REJECTED", Exit.PRECONDITION),
        (errors.RejectedError("not_permitted", "no"), "E_REJECTED", Exit.PRECONDITION),
        (errors.CommandError("apply_failed", "raised"), "E_FAILED", Exit.UNEXPECTED),
        (errors.ClientError("wiped", "no vote"), "E_FAILED", Exit.UNEXPECTED),
    ],
)
def test_failed_calls_have_a_code_an_exit_and_a_hint(
    error: errors.ClientError, code: str, exit_code: Exit
) -> None:
    shown = from_client_error(error)
    assert (shown.code, shown.exit_code, shown.outcome) == (code, exit_code, error.outcome)
    assert shown.hint
