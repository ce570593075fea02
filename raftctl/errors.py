"""The one error that commands end with: what, why, and what to type next."""

import errno
import os
from typing import TYPE_CHECKING, Any

from raftctl.exit_codes import Exit

if TYPE_CHECKING:
    from node.client.errors import ClientError


class CliError(Exception):
    """Shown as code, message, cause and hint; `details` goes into the JSON form."""

    def __init__(
        self,
        code: str,
        message: str,
        exit_code: Exit,
        *,
        hint: str = "",
        cause: str = "",
        outcome: str = "none",
        retryable: bool = False,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.exit_code = exit_code
        self.hint = hint
        self.cause = cause
        self.outcome = outcome
        self.retryable = retryable
        self.details = details or {}


def from_client_error(error: "ClientError") -> CliError:
    """What a failed call means to a user of the command line."""
    from node.client import errors

    match error:
        case errors.OutcomeUnknownError():
            return CliError(
                "E_OUTCOME_UNKNOWN",
                error.message,
                Exit.TIMED_OUT,
                outcome="unknown",
                hint="read the key back, or raftctl status",
            )
        case errors.DeadlineError():
            return CliError(
                "E_TIMEOUT",
                error.message,
                Exit.TIMED_OUT,
                hint="a longer --timeout, or raftctl status",
                retryable=True,
            )
        case errors.UnreachableError():
            return CliError(
                "E_UNREACHABLE",
                error.message,
                Exit.NOT_RUNNING,
                hint="raftctl status",
                retryable=True,
            )
        case errors.NoLeaderError():
            code = "E_NO_QUORUM" if error.code == "no_quorum" else "E_NO_LEADER"
            hint = "raftctl status -o wide, raftctl faults"
            return CliError(code, error.message, Exit.NO_QUORUM, hint=hint, retryable=True)
        case errors.RejectedError():
            is_usage = error.code in ("too_large", "bad_request")
            exit_code = Exit.USAGE if is_usage else Exit.PRECONDITION
            hint = _REJECTED_HINTS.get(error.code, "raftctl status -o wide")
            return CliError("E_REJECTED", error.message, exit_code, hint=hint)
        case errors.CommandError():
            hint = "it had no effect; raftctl log show leader has the command"
            return CliError("E_FAILED", error.message, Exit.UNEXPECTED, hint=hint)
        case _:
            return CliError(
                "E_FAILED",
                error.message,
                Exit.UNEXPECTED,
                hint="raftctl status -o wide, raftctl logs",
                outcome=error.outcome,
            )


_REJECTED_HINTS = {
    "too_large": "a smaller value; limits.value_bytes_max of the cluster decides",
    "bad_request": "raftctl log show leader has the commands that the machine took",
    "history_lost": "raftctl scan shows what is there, raftctl watch without --since what comes",
    "busy": "stop another raftctl watch, and try again",
}


def from_os_error(error: OSError) -> CliError:
    """What the system refused, where, and where to look."""
    reason = error.strerror or str(error) or type(error).__name__
    path = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else error.filename
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            hint = "df -h: there is no room left"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            hint = f"ls -ld {path}: who may write there" if path else "who may write there?"
        case errno.EMFILE | errno.ENFILE:
            hint = "ulimit -n: too few open files are allowed"
        case _:
            hint = "raftctl doctor"
    # The reason first: the viewer cuts what is longer than its line.
    message = reason if path is None else f"{reason}: {path}"
    return CliError("E_IO", message, Exit.UNEXPECTED, hint=hint)
