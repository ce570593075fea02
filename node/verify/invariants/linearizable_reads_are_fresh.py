"""Reads without a log entry."""

from node.verify.facts import Facts
from node.verify.observation import Members, Operation, Violation


class LinearizableReadsAreFresh:
    """A read that is linearizable, or under a lease, is answered from a state that holds every
    entry that was committed before it was asked (thesis 6.4, 6.4.1).

    Entries that are committed are more than those that some client knows of, but a leader's read
    index is its commit index, so it holds for them too.
    """

    __slots__ = ("_floors", "_ledger")

    def __init__(self, members: Members, facts: Facts) -> None:
        self._ledger = facts.ledger
        self._floors: dict[Operation, int] = {}

    def invoked(self, operation: Operation) -> None:
        if operation.kind == "get" and operation.mode != "stale":
            self._floors[operation] = self._ledger.last_index

    def answered(self, operation: Operation) -> None:
        floor = self._floors.pop(operation, None)
        if floor is None or operation.outcome != "ok" or operation.index >= floor:
            return
        text = (
            f"answers a {operation.mode} read of {operation.key}, asked by client "
            f"{operation.client_id} at {operation.invoked_at} us, from the state after entry "
            f"{operation.index}; entries up to {floor} were committed by then"
        )
        raise Violation("linearizable_reads_are_fresh", operation.node_id, text)
