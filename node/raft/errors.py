"""The library's errors. `LocalProtocolError`: this host misused the core. `RemoteProtocolError`: a
peer sent what no correct peer sends; drop the message, and carry out what the core wants done.
"""


class RaftError(Exception):
    """The root of all errors raised by `node.raft`."""


class ProtocolError(RaftError):
    """A call or a message that breaks the rules; see the two subclasses for whose fault it is."""


class LocalProtocolError(ProtocolError):
    """The host of the core made a call that the core's contract forbids."""


class RemoteProtocolError(ProtocolError):
    """A message from a peer that no correct peer would send. The log is as it was; a later term
    that came with the message counts all the same.
    """


class NotLeaderError(RaftError):
    """Only a leader takes this call. `leader` is the id to ask instead, None when unknown."""

    def __init__(self, leader: int | None) -> None:
        super().__init__(leader)
        self.leader = leader

    def __str__(self) -> str:
        return "not the leader; " + (
            "none is known" if self.leader is None else f"ask {self.leader}"
        )


class ProposalDroppedError(RaftError):
    """The leader cannot take the entry now (`reason`); nothing was appended, try again later."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"proposal dropped: {self.reason}"


class StoppedError(RaftError):
    """An earlier error of a callback stopped this instance; it stays stopped."""
