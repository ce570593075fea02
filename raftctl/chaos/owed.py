"""What a run has done to a cluster and not undone yet, and how it is undone by whoever is left."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from raftctl.verbs import ACTOR_VARIABLE

ENDING = {"kill": "start", "stop": "start", "pause": "resume"}
"""By what is undone what was done to processes."""


class Owed:
    """Told of each line that has ended; not of what others do to the same cluster."""

    def __init__(self) -> None:
        self._faults: set[int] = set()
        self._nodes: dict[str, set[str]] = {"resume": set(), "start": set()}

    def note(self, line: Sequence[str], document: Mapping[str, Any]) -> None:
        """`document`: what the line printed; empty where it failed."""
        verb = line[0]
        if isinstance(fault := document.get("fault"), dict):
            self._faults.add(fault["id"])
            if verb == "disk":  # which may end its nodes
                self._nodes["start"].update(document["applied_to"])
        if verb == "heal":
            self._faults.difference_update(document.get("healed", ()))
        targets = [each for each in document.get("targets") or () if each["ok"]]
        if verb in ENDING:
            self._nodes[ENDING[verb]].update(each["node"] for each in targets if each["changed"])
        elif verb in self._nodes:
            self._nodes[verb].difference_update(each["node"] for each in targets)

    def lines(self) -> Iterator[list[str]]:
        """A line for each thing, since any of them may have become impossible."""
        for node in sorted(self._nodes["resume"]):
            yield ["resume", node]
        for number in sorted(self._faults):
            yield ["heal", str(number)]
        for node in sorted(self._nodes["start"]):
            yield ["start", node]


def tidy_up(options: Sequence[str], last: Sequence[Sequence[str]], owed: Owed) -> None:
    """Carry out the lines that a run ends with; where there are none, undo what it did."""
    for line in last or owed.lines():
        subprocess.run(
            [sys.executable, "-P", "-m", "raftctl", *options, *line],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {ACTOR_VARIABLE: "chaos"},
            check=False,
        )
