"""What a client asks at once, as requests and replies have it: one operation, or a batch."""

from collections.abc import Sequence

from node.client.session import Sequences
from node.machines import kv
from node.verify.observation import Operation, Violation
from node.wire.batches import AnswerAll, AppliedAll, ProposeAll, ReadAll
from node.wire.envelope import (
    ApplyError,
    EnvelopeError,
    SessionExpiredError,
    ok_result,
    read_result,
    seal,
)
from node.wire.messages import Answer, Applied, Propose, Read, WireMessage

Reply = Applied | AppliedAll | Answer | AnswerAll


class Asking:
    """Operations that leave in one request, all of them reads, or all of them commands, which have
    their numbers from `sequences`. Those of a batch know their places in it.
    """

    def __init__(
        self, operations: Sequence[Operation], sequences: Sequences, skipped: int = 0
    ) -> None:
        """`skipped`: so many numbers are not used, between those of the first half and the rest."""
        self.operations = operations
        self.sequences = sequences
        self.is_batch = operations[0].place is not None
        self.is_read = operations[0].kind == "get"
        if self.is_read:
            return
        half = len(operations) // 2
        self._first = sequences.take(len(operations) + skipped)
        for place, operation in enumerate(operations):
            operation.sequence = self._first + place + (skipped if place >= half else 0)

    def request(self, request_id: int, here: bool, last_applied: int) -> WireMessage:
        """For a node that has applied so much; `here`: that node has to see to it, whoever leads.
        The same for each attempt, but for its id and what is acknowledged.
        """
        for operation in self.operations:
            operation.attempts += 1
        first = self.operations[0]
        if self.is_read:
            queries = [kv.get(each.key) for each in self.operations]
            if self.is_batch:
                return ReadAll(request_id, queries, first.mode)
            return Read(request_id, queries[0], first.mode, here or first.mode == "stale")
        sequences = self.sequences
        sequences.begin(last_applied)
        commands = [
            seal(sequences.header(each.sequence), command_of(each)) for each in self.operations
        ]
        if self.is_batch:
            return ProposeAll(request_id, commands)
        return Propose(request_id, commands[0], here)

    def take(self, node_id: int, reply: Reply) -> list[Operation]:
        """What the reply says of each of them. Gives those that it says nothing about, but that
        the session is gone. Raises Violation for what no client may be told.
        """
        results = _results_of(reply)
        if len(results) != len(self.operations):
            text = f"answers {len(self.operations)} in one with {len(results)} results"
            raise Violation("client_oracle", node_id, text)
        lost = []
        for place, (operation, result) in enumerate(zip(self.operations, results, strict=True)):
            index = reply.index if self.is_read else reply.index + place
            try:
                body = read_result(result)
            except SessionExpiredError:
                operation.sessions_lost += 1
                lost.append(operation)
            except ApplyError as error:
                raise AssertionError(f"a legal command was refused: {error}") from error
            except EnvelopeError as error:
                text = f"acknowledges entry {index} to client {operation.client_id} with {error}"
                raise Violation("client_oracle", node_id, text) from error
            else:
                operation.outcome = "ok"
                operation.node_id, operation.index = node_id, index
                operation.result = kv.decode_result(body)
                if isinstance(reply, Answer | AnswerAll):
                    operation.age_ms = reply.age_ms
        return lost

    def end(self) -> None:
        """Nobody asks for their results any more."""
        if not self.is_read:
            self.sequences.done(self._first)
            for operation in self.operations:
                if operation.outcome == "unknown":
                    operation.command = self.sequences.name_of(operation.sequence)


def _results_of(reply: Reply) -> Sequence[bytes]:
    match reply:
        case Applied():
            return [reply.result]
        case Answer():
            return [ok_result(reply.result)]
        case _:
            return reply.results


def command_of(operation: Operation) -> bytes:
    """What it asks of the key-value machine."""
    match operation.kind:
        case "put":
            assert operation.value is not None
            return kv.put(operation.key, operation.value)
        case "delete":
            return kv.delete(operation.key)
        case _:
            return kv.cas(operation.key, operation.expected, operation.value)
