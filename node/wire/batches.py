"""Many requests as one, and their replies: for who has much to say at once.

One frame is decoded, queued and answered once, whatever it holds, so each request in it costs a
fraction of what it costs alone.
"""

from typing import Literal, NamedTuple

ReadMode = Literal["linearizable", "lease", "stale"]
BATCH_MAX = 1024
"""Requests in one batch. The node does nothing else meanwhile: some milliseconds, where each reads
or writes one value. Those that read more are bounded by the bytes of their answers.
"""
BATCH_BYTES_MAX = 32 * 1024
"""A node takes that many bytes in one batch, and one command more, whatever its limit on values."""


class ProposeAll(NamedTuple):
    """Propose each of `commands`; they follow each other in the log. Taken as a whole, or not."""

    id: int
    commands: list[bytes]


class AppliedAll(NamedTuple):
    """`ProposeAll` is done: its first command took `index` in `term`, the others those behind it,
    and `results` are theirs, in order.
    """

    id: int
    index: int  # type: ignore[assignment]  # not the method of tuples
    term: int
    results: list[bytes]


class ReadAll(NamedTuple):
    """Ask the state machine each of `queries`, all in the same state."""

    id: int
    queries: list[bytes]
    mode: ReadMode


class AnswerAll(NamedTuple):
    """`ReadAll` is done, at a state that includes every entry up to `index`; `age_ms` as in Answer.
    `results` are those of its queries, in order, each with the byte in front that those of commands
    have.
    """

    id: int
    index: int  # type: ignore[assignment]  # not the method of tuples
    results: list[bytes]
    age_ms: int | None = 0
