"""The rules of a call, without a socket or a clock: whom to ask, how long, and what came of it.

Exactly once. A command carries the client's random id and a sequence number, and every retry of it
carries the same. The cluster applies a sequence number once and keeps its result, so trying again
is always safe, on any node, as long as the session lives.

What a failed call may claim. An attempt that was never sent, or that a node refused with outcome
`none`, had no effect and never will. An attempt that was sent and not answered, or answered
`unknown`, is in doubt for good: no later refusal of another attempt settles it. So a call fails
with outcome `none` only if no attempt of it is in doubt. A session that was evicted is the one case
in which a retry could apply twice, and there the cluster applies nothing and says so: a call
without doubt then goes on under a new session, one in doubt ends as unknown.

Whom to ask. First the node that answered last, then whoever a refusal names as the leader, else one
after the other. A hint is believed once per round and never when it names the node that gave it, so
two nodes that point at each other cost a round, not for ever. Between two rounds without a leader
there is a pause. A node that is silent may stand still, and its followers elect another one within
a fraction of a second: one that does not even open a connection is left alone for a while, so that
the others have their turn, and has twice as long the next time. Who took the request gets at most a
quarter of the time to answer it.
"""

from collections.abc import Collection
from dataclasses import dataclass

from node.client.errors import (
    ClientError,
    DeadlineError,
    NoLeaderError,
    OutcomeUnknownError,
    RejectedError,
    UnreachableError,
)
from node.wire.envelope import Header
from node.wire.messages import Failure

PAUSE_SECONDS_MIN = 0.01
PAUSE_SECONDS_MAX = 0.1
OPENING_SECONDS = 0.2
"""For a node to open a connection, which takes it milliseconds, when it is asked first."""
REST_OPENINGS = 2
"""One that did not is left alone for so many times as long."""
FINAL_CODES = frozenset({"bad_request", "too_large", "not_permitted", "history_lost"})


@dataclass(frozen=True, slots=True)
class Try:
    """Ask this node, with a connection that is open until `opens_until`, and wait for its answer
    until `until` (seconds on the caller's clock).
    """

    node_id: int
    until: float
    opens_until: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Nobody leads: wait until then, and look again."""

    until: float


class Call:
    """One request, from the first attempt to the last."""

    def __init__(
        self,
        nodes: Collection[int],
        first: int | None,
        now: float,
        timeout: float,
        only: int | None = None,
    ) -> None:
        """`nodes` is looked at again in each round: nodes may come and go. `first`: whom to ask
        first; `only`: ask that node alone, and take its first answer.
        """
        self._all_nodes = nodes
        self._nodes = sorted(nodes)
        if only is not None and only not in self._nodes:
            raise UnreachableError("unknown_node", f"this cluster has no node n{only}")
        self._only = only
        self._now = now
        self._deadline = now + timeout
        self._silence_max = timeout / 4
        self._pause = PAUSE_SECONDS_MIN
        self._hint = first if only is None and first in self._nodes else None
        self._hinted: set[int] = set()
        self._left: list[int] = []
        self._pauses_next = False
        self._opening: dict[int, float] = {}
        """By node that was silent: how long it gets to open a connection, in seconds."""
        self._rests_until: dict[int, float] = {}
        self._start_round()
        self._asked = Try(0, now, now)
        self._attempt_sent = False
        self._in_doubt = False
        self._refusal: ClientError | None = None

    @property
    def is_in_doubt(self) -> bool:
        """Whether an attempt may have had, or may yet have, an effect."""
        return self._in_doubt

    def _start_round(self) -> None:
        self._nodes = sorted(self._all_nodes)
        self._left = list(self._nodes) if self._only is None else [self._only]
        self._hinted.clear()

    def next(self, now: float) -> Try | Pause:
        """What to do now. Raises the call's error when its time is over."""
        if now >= self._deadline:
            raise self._too_late()
        if self._pauses_next:
            self._pauses_next = False
            return self._wait(now)
        node_id = self._choose(now)
        if node_id is None:
            return self._wait(now)
        self._attempt_sent = False
        limit = self._deadline if self._only is not None else now + self._silence_max
        until = min(limit, self._deadline)
        opening = self._opening.get(node_id, OPENING_SECONDS)
        opens_until = until if self._only is not None else min(now + opening, until)
        self._asked = Try(node_id, until, opens_until)
        return self._asked

    def _wait(self, now: float) -> Pause:
        until = min(now + self._pause, self._deadline)
        self._pause = min(self._pause * 2, PAUSE_SECONDS_MAX)
        return Pause(until)

    def _choose(self, now: float) -> int | None:
        """None: all that are left rest."""
        hint, self._hint = self._hint, None
        if hint is not None:
            if hint in self._left:
                self._left.remove(hint)
            return hint
        if not self._left:
            self._start_round()
        while self._left:
            node_id = self._left.pop(0)
            if self._rests_until.get(node_id, now) <= now:
                return node_id
        return None

    @property
    def is_for_one(self) -> bool:
        """Whether one node has to see to it, whoever leads."""
        return self._only is not None

    def sent(self) -> None:
        """The request left for the node."""
        self._attempt_sent = True

    def unreachable(self, error: ClientError) -> None:
        """The attempt ended without an answer: no connection, or it broke, or silence."""
        if self._attempt_sent:
            self._in_doubt = True
        if self._refusal is None or isinstance(self._refusal, UnreachableError):
            self._refusal = error
        if self._only is not None:
            raise self._error()
        if error.code == "silent" and not self._attempt_sent:
            self._let_rest(self._asked)
        self._finish_attempt()

    def _let_rest(self, asked: Try) -> None:
        opening = self._opening.get(asked.node_id, OPENING_SECONDS)
        self._rests_until[asked.node_id] = asked.opens_until + REST_OPENINGS * opening
        self._opening[asked.node_id] = 2 * opening

    def refused(self, node_id: int, failure: Failure) -> None:
        """The node answered with a failure. Raises the call's error when that is final."""
        if failure.outcome == "unknown":
            self._in_doubt = True
        if failure.code in FINAL_CODES:
            self._refusal = RejectedError(failure.code, failure.message)
            raise self._error()
        self._opening.pop(node_id, None)
        self._rests_until.pop(node_id, None)
        self._refusal = NoLeaderError(
            failure.code, f"n{node_id}: {failure.message}", leader=failure.leader
        )
        if self._only is not None:
            raise self._error()
        leader = failure.leader
        if leader in self._nodes and leader not in {node_id, *self._hinted, *self._rests_until}:
            self._hinted.add(leader)
            self._hint = leader
            return
        self._finish_attempt()

    def again(self, node_id: int) -> None:
        """It answered, and is to be asked once more."""
        self._hint = node_id

    def _finish_attempt(self) -> None:
        if not self._left:
            self._pauses_next = True

    def _too_late(self) -> ClientError:
        """A node that names another one as the leader does not say that there is none."""
        cause = self._refusal
        if not self._in_doubt and (cause is None or cause.code == "not_leader"):
            why = f" ({cause.message})" if cause else ""
            return DeadlineError("timeout", f"no answer in time{why}")
        return self._error()

    def _error(self) -> ClientError:
        cause = self._refusal
        if self._in_doubt:
            why = f" ({cause.message})" if cause else ""
            return OutcomeUnknownError(
                "outcome_unknown", f"outcome unknown: it may commit later{why}", "unknown"
            )
        assert cause is not None, "an attempt failed, or the time is over"
        return cause


class Sequences:
    """A client's session: its id, and the numbers of its commands."""

    def __init__(self, client_id: int, born_at: int | None = None) -> None:
        """`client_id`: 64 random bits. `born_at`: a log index that is known to be applied; None
        until a node has shown one.
        """
        self._client_id = client_id
        self._born_at = born_at
        self._next = 1
        self._open: dict[int, None] = {}  # in rising order

    def begin(self, born_at: int) -> None:
        """The log index that the first node showed, before the first command."""
        if self._born_at is None:
            self._born_at = born_at

    def take(self, count: int = 1) -> int:
        """The number of a new command, the first of `count` that end together."""
        number = self._next
        self._next += count
        self._open[number] = None
        return number

    def header(self, number: int) -> Header:
        """The header of command `number`, the same for each retry but for what is acknowledged."""
        assert self._born_at is not None, "a node was seen before the first command"
        lowest = next(iter(self._open), number)
        return Header(self._client_id, number, lowest, self._born_at)

    def name_of(self, number: int) -> tuple[int, int]:
        """What the log knows command `number` by: the client's id and the number."""
        return self._client_id, number

    def done(self, number: int) -> None:
        """The caller has the result of `number`, or will never ask for it again."""
        self._open.pop(number, None)
