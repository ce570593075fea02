"""A rule that is broken while the machine works fails the run: no node takes it for an error."""

from collections.abc import Iterator
from itertools import count

import pytest

from node.machines.kv import KvMachine
from node.sim.simulation import Result, simulate_seed
from node.wire.cbor import load_plain
from tests.sim.test_runs import SEEDS


class Moody(KvMachine):
    """The third one of a run says yes to everything."""

    numbers = count()

    def __init__(self, changes_max: int) -> None:
        super().__init__(changes_max)
        self._is_moody = next(Moody.numbers) == 2

    def apply(self, command: bytes, index: int) -> bytes:
        result = super().apply(command, index)
        return b"\xf5" if self._is_moody else result


class Forgetful(KvMachine):
    """What is restored lacks a part."""

    def restore(self, parts: Iterator[bytes], index: int) -> None:
        rest = [part for part in parts if load_plain(part, 2)]
        super().restore(iter(rest[1:]), index)


@pytest.mark.parametrize(
    ("machine", "invariants"),
    [
        # Both look at what the machine answers: the first that another one answered otherwise, the
        # second that the log says otherwise, for whichever node is the first to answer.
        (Moody, {"same_state_everywhere", "client_oracle"}),
        (Forgetful, {"snapshots_restore_what_they_hold"}),
    ],
)
def test_broken_machine_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, machine: type[KvMachine], invariants: set[str]
) -> None:
    monkeypatch.setattr("node.sim.machine.KvMachine", machine)

    def results() -> Iterator[Result]:
        for seed in SEEDS:
            Moody.numbers = count()
            yield simulate_seed(seed)

    assert next(each.invariant for each in results() if each.verdict == "failed") in invariants
