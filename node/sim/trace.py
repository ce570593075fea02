"""What happened in a run, a line for each thing, for people and for programs."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from node.raft.events import Event
from node.wire.words import node_name, told

SECOND = 1_000_000


class Line(NamedTuple):
    """`time` in virtual microseconds; `node` 0 for the cluster as a whole."""

    time: int
    node: int
    kind: str
    term: int
    data: dict[str, Any]

    @property
    def text(self) -> str:
        """12.345678  n2    leader     term 3  votes n1,n2"""
        who = node_name(self.node) if self.node else "-"
        term = f"term {self.term}" if self.term else ""
        data = "  ".join(f"{name} {value}" for name, value in self.data.items())
        at = f"{self.time // SECOND:5}.{self.time % SECOND:06}"
        return f"{at}  {who:4} {self.kind:15} {term:8} {data}".rstrip()

    @property
    def json(self) -> str:
        document = {
            "time_us": self.time,
            "node": node_name(self.node) if self.node else None,
            "kind": self.kind,
            "term": self.term,
            "data": self.data,
        }
        return json.dumps(document, separators=(",", ":"))


class UntoldError(Exception):
    """Whoever was to hear of it could not be told, and `why`: no fault of the run's."""

    def __init__(self, why: Exception) -> None:
        super().__init__(str(why))
        self.why = why


class Trace:
    """Makes lines of what happens, and hands them on. `now` gives the time."""

    def __init__(self, now: Callable[[], int], take: Callable[[Line], None]) -> None:
        self._now = now
        self._take = take

    def tell(self, node_id: int, event: Event) -> None:
        """Something that a core reports."""
        words = told(event)
        if words is not None:
            self._hand_on(Line(self._now(), node_id, words.kind, words.term, words.data))

    def note(self, kind: str, node_id: int = 0, **data: object) -> None:
        """Something that is done to the cluster, or that came of it."""
        self._hand_on(Line(self._now(), node_id, kind, 0, data))

    def _hand_on(self, line: Line) -> None:
        try:
            self._take(line)
        except UntoldError:
            raise
        except Exception as error:
            raise UntoldError(error) from error
