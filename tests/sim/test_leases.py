"""The rules about leases look at a leader, and leave it as it is."""

import pytest

from node.raft.roles import Leader
from node.scenario.parsing import parse
from node.sim.leasing import Leases
from node.sim.simulation import simulate
from node.verify.observation import Member

LEASED = """
nodes = 3
duration = "3s"
[sim]
lease_reads = true
"""


def test_who_looks_at_a_lease_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    look = Leases.turned
    rounds: list[tuple[int, int]] = []
    """Of a leader, before and after."""

    def turned(rule: Leases, member: Member) -> None:
        role = member.core.role
        before = len(role.rounds) if isinstance(role, Leader) else 0
        look(rule, member)
        rounds.append((before, len(role.rounds) if isinstance(role, Leader) else 0))

    monkeypatch.setattr(Leases, "turned", turned)
    assert simulate(parse(LEASED)).verdict == "ok"
    assert max(rounds) > (1, 1)
    assert [each for each in rounds if each[0] != each[1]] == []
