"""The one error that commands end with: what, why, and what to type next."""

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
        case errors.RejectedError(code="too_large" | "bad_request"):
            return CliError("E_REJECTED", error.message, Exit.USAGE)
        case errors.RejectedError():
            return CliError("E_REJECTED", error.message, Exit.PRECONDITION)
        case _:
            return CliError("E_FAILED", error.message, Exit.UNEXPECTED, outcome=error.outcome)
