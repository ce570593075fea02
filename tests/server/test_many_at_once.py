"""What a node takes in one frame, and what it says to the rest."""

from typing import Any

import pytest
import trio

from node.config import Limits
from node.machines import kv
from node.server.node import COMMAND_OVERHEAD_MAX
from node.server.sessions import QUERY_BYTES_MAX
from node.wire.batches import (
    BATCH_BYTES_MAX,
    BATCH_MAX,
    AnswerAll,
    AppliedAll,
    ProposeAll,
    ReadAll,
)
from node.wire.envelope import is_ok, ok_result
from node.wire.messages import Failure
from tests.server.stage import Stage, stage

LIMITS = Limits(value_bytes_max=100, frame_bytes_max=100_000)


def answer_to(make: Any) -> Any:
    """What a client gets to what `make` makes, on a node with small limits."""

    async def main() -> Any:
        async with stage(limits=LIMITS) as at:
            visitor = await at.visit()
            await visitor.send(make(at))
            return await visitor.receive()

    return trio.run(main)


def puts(at: Stage, count: int, size: int = 1) -> list[bytes]:
    return [at.command(kv.put(f"k{number}", bytes(size))) for number in range(count)]


def test_many_commands_and_then_many_queries_of_them() -> None:
    async def main() -> None:
        async with stage() as at:
            visitor = await at.visit()
            await visitor.send(ProposeAll(1, puts(at, 300)))
            applied = await visitor.receive()
            assert isinstance(applied, AppliedAll)
            assert [is_ok(result) for result in applied.results] == [True] * 300
            queries = [kv.get(f"k{number}") for number in (0, 299, 300)]
            await visitor.send(ReadAll(2, queries, "linearizable"))
            answers = await visitor.receive()
            assert isinstance(answers, AnswerAll)
            assert answers.index >= applied.index + 299
            last = kv.decode_result(answers.results[1][1:])
            assert last == [b"\0", applied.index + 299]
            assert answers.results[2] == ok_result(b"\xf6"), "no such key"

    trio.run(main)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda at: ProposeAll(1, []), "bad_request"),
        (lambda at: ProposeAll(1, puts(at, 1) * (BATCH_MAX + 1)), "bad_request"),
        (lambda at: ProposeAll(1, [*puts(at, 3), bytes(101 + COMMAND_OVERHEAD_MAX)]), "too_large"),
        (lambda at: ProposeAll(1, puts(at, 320, 100)), "too_large"),
        (lambda at: ReadAll(1, [], "stale"), "bad_request"),
        (lambda at: ReadAll(1, [b"x"] * (BATCH_MAX + 1), "stale"), "bad_request"),
    ],
    ids=[
        "no command",
        "too many commands",
        "long command",
        "commands that are long together",
        "no query",
        "too many queries",
    ],
)
def test_what_is_not_for_one_frame_is_refused_and_has_no_effect(make: Any, code: str) -> None:
    answer = answer_to(make)
    assert isinstance(answer, Failure)
    assert (answer.code, answer.outcome) == (code, "none")


def test_query_that_is_too_long_is_refused_among_others_too() -> None:
    async def main() -> None:
        async with stage() as at:
            visitor = await at.visit()
            await visitor.send(ReadAll(1, [b"x", bytes(QUERY_BYTES_MAX + 1)], "stale"))
            answer = await visitor.receive()
            assert isinstance(answer, Failure)
            assert (answer.code, answer.outcome) == ("too_large", "none")

    trio.run(main)


def test_a_full_batch_comes_in_whatever_the_limit_on_values_is() -> None:
    def make(at: Stage) -> ProposeAll:
        each = len(puts(at, 1, 100)[0])
        return ProposeAll(1, puts(at, BATCH_BYTES_MAX // each, 100))

    assert isinstance(answer_to(make), AppliedAll)


def test_stale_reads_in_one_frame_are_answered_at_once() -> None:
    answer = answer_to(lambda at: ReadAll(1, [kv.get("a")] * 3, "stale"))
    assert isinstance(answer, AnswerAll)
    assert answer.results == [ok_result(b"\xf6")] * 3
