"""What a simulated disk keeps: all that was promised, and of a batch all or nothing."""

import random
from functools import partial

import pytest

from node.raft.configuration import Configuration
from node.raft.messages import LogEntry
from node.raft.ready import HardState, Ready
from node.sim.disk import SimDisk
from node.storage.base import CorruptionError, DiskFullError, StorageError

CERTAIN = random.Random(1)
"""Of disks that do what they should nothing is left to chance."""


def disk() -> SimDisk:
    return SimDisk("sim", Configuration(frozenset({1, 2, 3})))


def batch(seq: int, first_index: int, term: int, count: int = 1) -> Ready:
    entries = [LogEntry(term, b"%d" % index) for index in range(first_index, first_index + count)]
    return Ready(seq, HardState(term, 1), first_index=first_index, entries=entries)


def _note(told: list[int], ready: Ready) -> None:
    told.append(ready.seq)


def ignore(ready: Ready) -> None:
    """Nobody watches."""


def test_batch_counts_when_its_flush_has_ended_and_not_before() -> None:
    one = disk()
    one.begin(batch(1, 1, 1, 3))
    assert (one.last_index, one.hard_state) == (0, (0, None))
    assert one.end(CERTAIN, ignore) is None
    assert (one.last_index, one.hard_state, one.term_at(3)) == (3, (1, 1), 1)
    assert one.term_at(4) is None
    assert len(one.load().log) == 3


def test_b31_crash_in_a_flush_leaves_all_of_the_batch_or_nothing() -> None:
    """Whatever subset of a transaction's pages reached the disk, the log is a prefix that holds all
    that was promised.
    """
    left = set()
    for number in range(50):
        one = disk()
        one.begin(batch(1, 1, 1, 2))
        one.end(CERTAIN, ignore)
        told = list[int]()
        one.begin(batch(2, 3, 2, 2))
        one.crash(random.Random(number), partial(_note, told))
        stored = one.load()
        left.add((len(stored.log), stored.hard_state.current_term, tuple(told)))
    assert left == {(2, 1, ()), (4, 2, (2,))}


def test_b26_term_is_never_older_than_the_newest_entry_after_a_crash() -> None:
    for number in range(50):
        one = disk()
        for seq in range(1, 6):
            one.begin(batch(seq, seq, seq))
            if seq < 5:
                one.end(CERTAIN, ignore)
        one.crash(random.Random(number), ignore)
        stored = one.load()
        assert stored.hard_state.current_term >= stored.log[-1].term


def test_full_disk_takes_nothing_and_goes_on_with_space() -> None:
    one = disk()
    one.faults.is_full = True
    one.begin(batch(1, 1, 1))
    assert isinstance(one.end(CERTAIN, ignore), DiskFullError)
    assert one.last_index == 0
    one.faults.is_full = False
    one.begin(batch(1, 1, 1))
    assert one.end(CERTAIN, ignore) is None
    assert one.last_index == 1


def test_flush_that_fails_is_an_error_and_may_have_written_its_batch() -> None:
    left = set()
    for number in range(20):
        one = disk()
        one.faults.fails = True
        told = list[int]()
        one.begin(batch(1, 1, 1))
        error = one.end(random.Random(number), partial(_note, told))
        assert isinstance(error, StorageError)
        assert not isinstance(error, DiskFullError)
        left.add((one.last_index, tuple(told)))
    assert left == {(0, ()), (1, (1,))}


def test_b32_rotten_entry_is_found_when_it_is_read() -> None:
    one = disk()
    one.begin(batch(1, 1, 1, 5))
    one.end(CERTAIN, ignore)
    one.rotten_index = 3
    with pytest.raises(CorruptionError, match="entry 3"):
        one.load()


def test_stall_is_for_one_flush_and_slowness_for_all() -> None:
    one = disk()
    one.faults.stall_us, one.faults.slow_us = 700, 20
    assert [one.faults.take_delay() for _ in range(3)] == [720, 20, 20]
