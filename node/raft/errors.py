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


class ConfigurationError(RaftError):
    """A change of the members that cannot be, or a configuration that is none; nothing changed."""


class ChangePendingError(RaftError):
    """The members cannot be changed yet: entry `index` has to be committed first. It is another
    change under way, or, when a leader is new, the first entry of its own term (Ongaro 2015).
    """

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(index, reason)
        self.index = index
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason}: entry {self.index} has to be committed first"


class NotCaughtUpError(RaftError):
    """Learner `member` would be a voter that holds up the cluster: it has only reached
    `match_index` of the leader's `last_index` entries, or does not keep up.
    """

    def __init__(self, member: int, match_index: int, last_index: int) -> None:
        super().__init__(member, match_index, last_index)
        self.member = member
        self.match_index = match_index
        self.last_index = last_index

    def __str__(self) -> str:
        return (
            f"{self.member} has not caught up: it holds {self.match_index} "
            f"of {self.last_index} entries"
        )


class DamagedSnapshotError(RaftError):
    """Raised by the host: a snapshot that came in is not what its digest promises."""


class StoppedError(RaftError):
    """An earlier error of a callback stopped this instance; it stays stopped."""
