"""What simulated clients do that follow a scenario's workload, and the probes beside them.

A script stands in the place of a client's own choice: it says what to ask next, hears what came of
that, and says when to ask again.
"""

from collections.abc import Callable
from typing import Any, Protocol

from node.scenario.workloads import (
    Came,
    Chooser,
    Operation,
    Reply,
    Request,
    Steps,
    decoded,
    steps_of,
)
from node.verify.observation import Operation as Asked

Write = Callable[[dict[str, Any]], None]


class Script(Protocol):
    """What a client follows."""

    def next(self) -> Request | None:
        """What to ask now; None: nothing."""

    def took(self, asked: Asked) -> bool:
        """What came of it. Gives whether to go on at once."""


class WorkloadScript:
    """The operations of one client, whose history is written down as that of a real one."""

    def __init__(self, process: int, clients: int, chooser: Chooser, write: Write) -> None:
        self._process = process
        self._clients = clients
        self._chooser = chooser
        self._write = write
        self._operation: Operation | None = None
        self._steps: Steps | None = None
        self._request: Request | None = None

    def next(self) -> Request | None:
        if self._request is None:
            self._operation = self._chooser.next(self._process)
            self._steps = steps_of(self._operation)
            self._request = next(self._steps)
            self._note("invoke", self._operation.value)
        return self._request

    def took(self, asked: Asked) -> bool:
        if self._request is None or self._steps is None:
            return False  # somebody else had this client ask
        operation = self._operation
        assert operation is not None, "it is under way"
        if asked.outcome != "ok":
            is_unknown = asked.outcome == "unknown" and asked.kind != "get"
            command = zip(("client", "sequence"), asked.command or (), strict=False)
            self._note("info" if is_unknown else "fail", operation.value, **dict(command))
            self._request = None
            self._process += self._clients if is_unknown else 0
            return False
        try:
            self._request = self._steps.send(_reply(asked))
        except StopIteration as ended:
            self._done(operation, ended.value)
            return False
        return True

    def _done(self, operation: Operation, came: Came) -> None:
        self._request = None
        more: dict[str, Any] = {"index": came.index} if came.index else {}
        if came.result is not None:
            more["result"] = came.result
        self._note(came.type, came.value, **more)
        self._chooser.saw(self._process, operation, came)

    def _note(self, kind: str, value: Any, **more: Any) -> None:  # noqa: ANN401
        operation = self._operation
        assert operation is not None, "it is under way"
        head = {"process": self._process, "f": operation.f, "key": operation.key}
        self._write({**head, "type": kind, "value": value, **more})


def _reply(asked: Asked) -> Reply:
    """What a real client would have been told."""
    match asked.kind:
        case "get":
            found = asked.result
            return Reply(True, None if found is None else decoded(found[0]), asked.index)
        case "cas":
            done, now = asked.result
            return Reply(done, decoded(now), asked.index)
        case _:
            return Reply(True, decoded(asked.value), asked.index)


class ProbeScript:
    """One probe at a time, begun from outside."""

    def __init__(self, request: Request, heard: Callable[[Asked], None]) -> None:
        self._request = request
        self._heard = heard

    def next(self) -> Request | None:
        return self._request

    def took(self, asked: Asked) -> bool:
        self._heard(asked)
        return False
