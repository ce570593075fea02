"""B32: what a disk holds changes by itself. It is found by its checksum, and never believed."""

import random

import pytest

from node.raft.configuration import Configuration
from node.raft.messages import LogEntry
from node.raft.ready import HardState, Ready
from node.scenario.actions import Action, Disk, Kill, SnapshotTake
from node.scenario.scenario import Scenario, Step, Workload
from node.scenario.when import At
from node.sim.disk import SimDisk, SimSnapshots
from node.sim.simulation import Simulation
from node.storage.base import CorruptionError

SECOND = 1_000_000
MEMBERS = Configuration(frozenset({1, 2, 3}))


def run_of(*steps: tuple[float, Action, float | None], **sim: int) -> Simulation:
    return Simulation(
        Scenario(
            "damage",
            nodes=3,
            seed=1,
            duration_us=20 * SECOND,
            workload=Workload(clients=2, rate_per_s=20),
            steps=tuple(
                Step(
                    At(round(at * SECOND)),
                    action,
                    "",
                    None if lasts is None else round(lasts * SECOND),
                )
                for at, action, lasts in steps
            ),
            sim=sim,
        )
    )


def test_node_with_a_rotten_entry_stays_away_and_the_others_go_on() -> None:
    run = run_of((5, Disk(("n2",), "rot"), None), (6, Kill(("n2",)), 1), snapshot_entries=0)
    result = run.run()
    assert result.verdict == "ok", result.text
    assert result.coverage["entry rotten"] == 1
    assert result.coverage["damage found at a start"] == 1
    host = run.world.hosts[2]
    assert host.is_wiped or not host.is_running


def test_node_whose_newest_snapshot_is_rotten_lies_to_nobody() -> None:
    """It begins with an older one, or its whole log, or not at all."""
    run = run_of(
        (4, SnapshotTake(("n2",)), None),
        (5, Disk(("n2",), "rot"), None),
        (6, Kill(("n2",)), 1),
        snapshot_tail=0,
        snapshot_entries=1000,
    )
    run.world.hosts[2].disk.rot = lambda rng: (  # type: ignore[method-assign]
        "snapshot" if run.world.hosts[2].disk.snapshots.rot(rng) else None
    )
    result = run.run()
    assert result.verdict == "ok", result.text
    assert result.coverage["snapshot rotten"] == 1
    assert result.coverage["damage found at a start"] == 1


def test_no_more_than_a_minority_is_damaged() -> None:
    steps = [(5, Disk(("n2",), "rot"), None), (6, Disk(("n3",), "rot"), None)]
    run = run_of(*steps, (7, Kill(("n2",)), 1), snapshot_entries=0)
    result = run.run()
    assert (result.verdict, result.why) == (
        "inconclusive",
        "step 2: disk n3 --rot: without n3 no quorum has its disks",
    )


def test_simulated_disk_loses_nothing_that_was_flushed_and_says_so() -> None:
    result = run_of((5, Disk(("n2",), "truncate"), None)).run()
    assert (result.verdict, result.why) == (
        "inconclusive",
        "step 1: disk n2 --truncate: a simulated disk keeps all that was flushed",
    )


def test_bit_that_flips_in_a_snapshot_is_found_wherever_it_is() -> None:
    for number in range(50):
        snapshots = SimSnapshots("sim")
        assert not snapshots.rot(random.Random(number))
        snapshot = snapshots.write(5, 1, MEMBERS, iter([b"some", b"state"]))
        assert list(snapshots.load(snapshot.id)) == [b"some", b"state"]
        assert snapshots.rot(random.Random(number))
        with pytest.raises(CorruptionError):
            list(snapshots.load(snapshot.id))


def test_damage_is_gone_with_what_it_was_in() -> None:
    disk = SimDisk("sim", MEMBERS)
    entries = [LogEntry(1, b"%d" % index) for index in range(1, 6)]
    disk.begin(Ready(1, HardState(1, 1), first_index=1, entries=entries))
    disk.end(random.Random(1), lambda ready: None)
    disk.rotten_index = 4
    assert _is_rotten(disk)
    disk.begin(Ready(2, None, first_index=4, entries=entries[3:], truncate_from=4))
    disk.end(random.Random(1), lambda ready: None)
    assert not _is_rotten(disk)
    assert len(disk.load().log) == 5
    disk.snapshots.write(3, 1, MEMBERS, iter([b"state"]))
    assert disk.snapshots.rot(random.Random(1))
    assert _is_rotten(disk)
    disk.snapshots.keep(frozenset())
    assert not _is_rotten(disk)


def _is_rotten(disk: SimDisk) -> bool:
    """Asked anew: a type checker takes an answer for good."""
    return disk.is_rotten
