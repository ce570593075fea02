"""`raft.jsonl`: what nodes told of roles, terms, votes and commits, and who led by that."""

from collections.abc import Callable
from typing import Any

from node.verify.told import Told
from node.wire.messages import Changed, Frame, Gap, Happened, Keyframe

STATE = ("role", "term", "voted_for", "leader", "commit_index", "last_applied", "last_index")
"""What of a node's status is written down whenever it changes."""


class RaftRecords:
    """Makes records of the frames of nodes, in the order in which they come."""

    def __init__(
        self,
        write: Callable[[dict[str, Any]], object],
        told: Told,
        began_ns: int,
        led: Callable[[int, int], None],
    ) -> None:
        """`write` and `told` are given each record. `began_ns`: on the clock of the frames. `led`
        is called with a node and a term for each leader that was elected.
        """
        self._write_down = write
        self._told = told
        self._began_ns = began_ns
        self._led = led
        self._terms: set[int] = set()
        self._known: dict[int, dict[str, Any]] = {}
        self.leaders: list[tuple[int, int, int]] = []
        """Time in nanoseconds since the run began, node and term of each election that was won."""

    def take(self, node_id: int, frame: Frame) -> None:
        at_ns = frame.mono_ns - self._began_ns
        head = {"node": node_id, "boot": frame.boot, "at": at_ns}
        match frame:
            case Keyframe(status=status):
                self._state(head, status, whole=True)
            case Changed(values=values):
                self._state(head, values, whole=False)
            case Happened(kind=kind, term=term, data=data):
                self._write({**head, "kind": kind, "term": term, "data": data})
                if kind == "leader" and at_ns > 0 and term not in self._terms:
                    self._terms.add(term)
                    self.leaders.append((at_ns, node_id, term))
                    self._led(node_id, term)
            case Gap(first=first, last=last, why=why):
                self._write({**head, "kind": "gap", "first": first, "last": last, "why": why})

    def _state(self, head: dict[str, Any], values: dict[str, Any], whole: bool) -> None:
        found = {name: values[name] for name in STATE if name in values}
        known = self._known.setdefault(head["node"], {})
        if whole or known.get("boot") != head["boot"]:
            known.clear()
            known["boot"] = head["boot"]
        news = {name: value for name, value in found.items() if known.get(name, ...) != value}
        if news:
            known.update(news)
            self._write({**head, "kind": "state", **news})

    def _write(self, record: dict[str, Any]) -> None:
        self._told.take(record)
        self._write_down(record)
