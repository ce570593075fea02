"""Which command stands in which committed entry, and which entry it was that took effect.

A command that is retried stands in several entries; the machine runs for the first of them alone.
"""

from struct import Struct

from node.raft.ready import Ready
from node.verify.ledger import Ledger
from node.verify.observation import Member
from node.wire.envelope import HEADER_BYTES

EFFECTS_MAX = 1 << 13
"""Of that many latest effects it is known which command they were of."""

_CLIENT_AND_SEQUENCE = Struct(">QQ")

CommandId = tuple[int, int]
"""The client's id of its session, and the number that it gave the command."""


class Commands:
    """An observer itself, in front of the rules that ask it."""

    __slots__ = ("_ran", "_ran_on", "at", "effects", "last_index", "ran")

    def __init__(self, ledger: Ledger) -> None:
        self.at: dict[int, CommandId] = {}
        """By index, of the entries that the ledger knows, those that hold a command."""
        self.effects: dict[CommandId, int] = {}
        """The entry whose application ran the machine first."""
        self.last_index = 0
        """The last entry that any node applied."""
        self.ran: list[int] = []
        """While `applied` is told: the entries of this batch that ran the machine."""
        self._ran: list[int] = []
        self._ran_on = 0
        ledger.when_forgetting(self._forget)

    def executed(self, member: Member, index: int, command: bytes, result: bytes) -> None:
        if member.id != self._ran_on:
            self._ran, self._ran_on = [], member.id
        self._ran.append(index)

    def crashed(self, member: Member) -> None:
        self._ran = []

    def applied(self, member: Member, ready: Ready) -> None:
        last = ready.committed_first_index + len(ready.committed) - 1
        if last > self.last_index:
            new = max(self.last_index + 1, ready.committed_first_index)
            entries = ready.committed[new - ready.committed_first_index :]
            for index, (_, payload) in enumerate(entries, new):
                if type(payload) is bytes and len(payload) >= HEADER_BYTES:
                    self.at[index] = _CLIENT_AND_SEQUENCE.unpack_from(payload)
            self.last_index = last
        if member.id == self._ran_on:
            self.ran, self._ran = self._ran, []
        else:
            self.ran = []
        for index in self.ran:
            command = self.at.get(index)
            if command is not None:
                self.effects.setdefault(command, index)
        if len(self.effects) > 2 * EFFECTS_MAX:
            for command in list(self.effects)[:EFFECTS_MAX]:
                del self.effects[command]

    def _forget(self, index: int) -> None:
        self.at = {at: command for at, command in self.at.items() if at > index}
