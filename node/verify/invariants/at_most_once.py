"""Retries."""

from node.raft.ready import Ready
from node.verify.facts import Facts
from node.verify.observation import Member, Members, Violation


class AtMostOnce:
    """A command takes effect at one entry, the same on every node, however often its client sent it
    (paper 8, thesis 6.3).

    So a node runs its machine for just the entries that the others run it for. One that lost its
    sessions, in a snapshot for instance, shows at the first retry.
    """

    __slots__ = ("_commands", "_ledger")

    def __init__(self, members: Members, facts: Facts) -> None:
        self._commands = facts.commands
        self._ledger = facts.ledger

    def applied(self, member: Member, ready: Ready) -> None:
        commands = self._commands
        at, effects, ran = commands.at, commands.effects, commands.ran
        first = ready.committed_first_index
        floor = self._ledger.base + 1
        last = first + len(ready.committed) - 1
        if first < floor:
            first = floor
            ran = [index for index in ran if index >= floor]
        expected = [
            index
            for index in range(first, last + 1)
            if (command := at.get(index)) is not None and effects.get(command) == index
        ]
        if expected != ran:
            self._differ(member, expected, ran)

    def _differ(self, member: Member, expected: list[int], ran: list[int]) -> None:
        for index in ran:
            if index in expected:
                continue
            command = self._commands.at.get(index)
            if command is None:
                text = f"runs its machine for entry {index}, which holds no command"
            else:
                text = (
                    f"runs its machine for entry {index} with command {command[1]} of client "
                    f"{command[0]:#x}, which took effect at entry {self._commands.effects[command]}"
                )
            raise Violation("at_most_once", member.id, text)
        twice = [index for at, index in enumerate(ran) if index in ran[:at]]
        if twice:
            text = f"runs its machine twice for entry {twice[0]}"
            raise Violation("at_most_once", member.id, text)
        index = next(index for index in expected if index not in ran)
        client_id, sequence = self._commands.at[index]
        text = (
            f"does not run its machine for entry {index} with command {sequence} of client "
            f"{client_id:#x}, which took effect there on another node"
        )
        raise Violation("at_most_once", member.id, text)
