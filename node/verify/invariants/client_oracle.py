"""What clients may see."""

from typing import Any

import cbor2

from node.verify.facts import Facts
from node.verify.observation import Member, Members, Operation, Violation
from node.verify.registers import Effect, Registers

WRITES_MAX = 1 << 13
"""Of that many latest writes it is known who asked for them."""


class _Write:
    __slots__ = ("index", "operation")

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.index = 0
        """The entry with which it took effect; 0: none did."""


class ClientOracle:
    """Clients see one copy of the data, as if each operation happened at one moment between its
    call and its answer (paper 8, thesis 6; Herlihy and Wing, Linearizability, 1990).

    In a replicated log that moment is an entry, so nothing has to be searched: the commands are run
    once more, in the order of the log, and what a client was told has to be just that. Nothing is
    read that nobody wrote, what was acknowledged is there and read by all that comes after it, what
    failed has no effect, what is unknown may have one. `values` are taken to be unique.
    """

    __slots__ = (
        "_acknowledged",
        "_commands",
        "_effects",
        "_floors",
        "_forget_at",
        "_last_index",
        "_ledger",
        "_registers",
        "_writes",
    )

    def __init__(self, members: Members, facts: Facts) -> None:
        self._ledger = facts.ledger
        self._commands = facts.commands
        self._registers = Registers()
        self._last_index = 0
        self._effects: dict[int, Effect] = {}
        self._writes: dict[bytes, _Write] = {}
        self._forget_at = 2 * WRITES_MAX
        self._acknowledged: dict[int, Operation] = {}
        """By the entry that took effect."""
        self._floors: dict[Operation, int] = {}
        """What was committed when an operation began."""
        facts.ledger.when_forgetting(self._forget)

    # -- what the log does -------------------------------------------------------------------------
    def executed(self, member: Member, index: int, command: bytes, result: bytes) -> None:
        if index <= self._last_index:
            return
        self._last_index = index
        effect = self._registers.run(index, cbor2.loads(command))
        if effect is None:
            return
        self._effects[index] = effect
        if effect.value is not None:
            self._note_write(member, index, effect.key, effect.value)
        told = cbor2.loads(result)
        if told != effect.result:
            text = (
                f"gets {told!r} of the {effect.kind} of {effect.key} at entry {index}; "
                f"by the log it is {effect.result!r}"
            )
            raise Violation("client_oracle", member.id, text)

    def _note_write(self, member: Member, index: int, key: str, value: bytes) -> None:
        write = self._writes.get(value)
        if write is None or write.operation.key != key:
            text = f"writes {value!r} to {key} with entry {index}, which no client asked for"
            raise Violation("client_oracle", member.id, text)
        if write.index:
            text = (
                f"writes {value!r} to {key} with entry {index}, after entry {write.index}: "
                f"client {write.operation.client_id} asked for that once"
            )
            raise Violation("client_oracle", member.id, text)
        write.index = index
        self._check_failed(write.operation, index)

    # -- what clients are told ---------------------------------------------------------------------
    def invoked(self, operation: Operation) -> None:
        self._floors[operation] = self._ledger.last_index
        if operation.value is not None:
            self._writes[operation.value] = _Write(operation)
            if len(self._writes) >= self._forget_at:
                self._forget_writes()

    def answered(self, operation: Operation) -> None:
        floor = self._floors.pop(operation, 0)
        if operation.outcome == "fail":
            write = self._writes.get(operation.value) if operation.value is not None else None
            if write is not None and write.index:
                self._check_failed(operation, write.index)
        elif operation.outcome == "ok":
            if operation.index > self._ledger.last_index:
                text = f"of entry {operation.index}; entries up to {self._ledger.last_index} are "
                raise self._violation(operation, text + "committed")
            if operation.kind == "get":
                self._check_read(operation)
            else:
                self._check_write(operation, floor)

    def _check_failed(self, operation: Operation, index: int) -> None:
        if operation.outcome == "fail":
            text = (
                f"client {operation.client_id} was told that its {operation.kind} of "
                f"{operation.key} failed for certain; it took effect with entry {index}"
            )
            raise Violation("client_oracle", None, text)

    def _check_read(self, operation: Operation) -> None:
        if operation.index < self._registers.trimmed_to:
            return
        value, index = self._registers.at(operation.key, operation.index)
        told: Any = operation.result
        if isinstance(told, list):  # the machine says which entry wrote it too
            told, written_at = told
        else:
            written_at = index
        if told == value and (value is None or written_at == index):
            return
        right = "nothing" if value is None else f"{value!r}, written with entry {index}"
        text = f"of {told!r}{self._history_of(told)}; after entry {operation.index} there is "
        raise self._violation(operation, text + right)

    def _history_of(self, value: object) -> str:
        write = self._writes.get(value) if isinstance(value, bytes) else None
        if write is None:
            return "" if value is None else ", which nobody wrote"
        if not write.index:
            return f", asked for by client {write.operation.client_id} and never in effect"
        return f", written with entry {write.index}"

    def _check_write(self, operation: Operation, floor: int) -> None:
        command = self._commands.at.get(operation.index)
        if command is None:
            if operation.index > self._ledger.base:
                raise self._violation(operation, f"of entry {operation.index}, no command")
            return
        index = self._commands.effects.get(command, 0)
        effect = self._effects.get(index)
        if effect is None:
            if index == 0 or index > self._ledger.base:
                text = f"of entry {operation.index}, whose command never took effect"
                raise self._violation(operation, text)
            return
        wanted = (operation.kind, operation.key, operation.value)
        if wanted != effect[:3] or index <= floor:
            text = (
                f"of entry {operation.index}, whose command took effect with entry {index}: a "
                f"{effect.kind} of {effect.key}; entries up to {floor} were committed "
                "when it was asked for"
            )
            raise self._violation(operation, text)
        other = self._acknowledged.setdefault(index, operation)
        if other is not operation:
            text = f"of entry {index}, which client {other.client_id} was told of too"
            raise self._violation(operation, text)
        if operation.result != effect.result:
            text = f"of entry {index} with {operation.result!r}; by the log it is {effect.result!r}"
            raise self._violation(operation, text)

    def _violation(self, operation: Operation, what: str) -> Violation:
        text = (
            f"tells client {operation.client_id}, which asked for a {operation.mode} "
            f"{operation.kind} of {operation.key} at {operation.invoked_at} us, {what}"
        )
        return Violation("client_oracle", operation.node_id, text)

    # -- what goes ---------------------------------------------------------------------------------
    def _forget_writes(self) -> None:
        """The oldest, but for those that may take effect yet."""
        for value, write in list(self._writes.items())[: len(self._writes) - WRITES_MAX]:
            if write.index or write.operation.outcome == "fail":
                del self._writes[value]
        self._forget_at = len(self._writes) + WRITES_MAX

    def _forget(self, index: int) -> None:
        self._registers.trim(index)
        self._effects = {at: effect for at, effect in self._effects.items() if at > index}
        self._acknowledged = {at: each for at, each in self._acknowledged.items() if at > index}
