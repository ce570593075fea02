"""How a call can fail. `outcome` none: nothing happened, nor will; unknown: it may yet."""

from node.wire.messages import Outcome


class ClientError(Exception):
    """The root. `code` is one word, `leader` the node to ask instead where one is known."""

    def __init__(
        self, code: str, message: str, outcome: Outcome = "none", leader: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.outcome = outcome
        self.leader = leader


class UnreachableError(ClientError):
    """No connection: nothing listens there, it is silent, or it is not of this cluster."""

    @property
    def is_refusal(self) -> bool:
        """Whether the node answered, and does not serve: of another version, or too busy."""
        return self.code not in ("refused", "silent", "gone", "unknown_node")


class NoLeaderError(ClientError):
    """Nodes answered, but none of them leads or reaches a majority. Outcome none."""


class DeadlineError(ClientError):
    """The time was over before a leader was found, and no node refused for another reason."""


class OutcomeUnknownError(ClientError):
    """A node took the command, and its fate was not learnt in time: it may commit later."""

    command: tuple[int, int] | None = None
    """What the log knows it by, where that was told: the client's id and the sequence number."""


class RejectedError(ClientError):
    """A node refused for good; asking again would not help."""


class CommandError(ClientError):
    """The command is in the log, and the state machine raised. It had no effect."""
