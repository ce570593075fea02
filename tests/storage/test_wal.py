"""The write-ahead log after a crash: what was flushed is found or refused, what was not may go."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from node.raft.messages import LogEntry
from node.raft.ready import HardState
from node.storage.base import CorruptionError, Stored
from node.storage.sqlite import PAGE_BYTES, WAL_PAGES_MAX, SqliteStorage
from node.storage.wal import FRAME_HEADER_BYTES, find_damage
from tests.storage.batches import FIRST, batch

HEADER_BYTES = 32
SAVES = 6


class Crashed:
    """The files of a node that died after SAVES saves, and what each save had made of them."""

    def __init__(self, folder: Path, entry_bytes: int) -> None:
        self._step = 1543 if entry_bytes < 1000 else 3889
        self.path = folder / "raft.db"
        self.log_path = folder / "raft.db-wal"
        self.states: list[Stored] = []
        self.ends: list[int] = []
        """The size of the log after each save."""
        living = folder / "living"
        living.mkdir()
        SqliteStorage.create(living / "raft.db", "demo", 1, FIRST)
        with closing(SqliteStorage(living / "raft.db", "demo", 1)) as storage:
            self._note(storage, living)
            for number in range(1, SAVES + 1):
                entry = LogEntry(number, bytes([number]) * entry_bytes)
                storage.save(batch(HardState(number, number), None, number, [entry]))
                self._note(storage, living)
            self.database = (living / "raft.db").read_bytes()
            self.log = (living / "raft.db-wal").read_bytes()

    def _note(self, storage: SqliteStorage, living: Path) -> None:
        log = living / "raft.db-wal"
        self.states.append(storage.load())
        self.ends.append(log.stat().st_size if log.exists() else 0)

    def boot(self, log: bytes) -> Stored:
        """Start from the database and this log. Raises CorruptionError."""
        self.path.write_bytes(self.database)
        self.log_path.write_bytes(log)
        Path(f"{self.path}-shm").unlink(missing_ok=True)
        with closing(SqliteStorage(self.path, "demo", 1)) as storage:
            return storage.load()

    def places(self, start: int, end: int) -> list[int]:
        """Offsets to try in this part of the log: some in the head of each frame, and others whose
        distance is no multiple of a sector or a frame.
        """
        heads = [
            head + byte
            for head in range(HEADER_BYTES, end, FRAME_HEADER_BYTES + PAGE_BYTES)
            for byte in range(0, FRAME_HEADER_BYTES, 7)
        ]
        found = {each for each in heads if start <= each < end} | {*range(start, end, self._step)}
        return sorted(found)

    def saves_within(self, size: int) -> int:
        """How many saves are whole in the first `size` bytes of the log."""
        return max(number for number, end in enumerate(self.ends) if end <= max(size, self.ends[0]))


@pytest.fixture(scope="module", params=[10, 72_000], ids=["small", "large"])
def crashed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Crashed:
    return Crashed(tmp_path_factory.mktemp("crashed"), request.param)


def _flip(data: bytes, position: int, bit: int = 3) -> bytes:
    changed = bytearray(data)
    changed[position] ^= 1 << bit
    return bytes(changed)


def test_every_save_is_found_after_a_crash(crashed: Crashed) -> None:
    assert crashed.boot(crashed.log) == crashed.states[-1]


def test_b30_log_cut_at_any_byte_boots_with_the_whole_saves_in_front(crashed: Crashed) -> None:
    for size in crashed.places(0, len(crashed.log) + 1):
        expected = crashed.states[crashed.saves_within(size)]
        assert crashed.boot(crashed.log[:size]) == expected, size


def test_b30_log_that_ends_in_zeros_boots_with_the_whole_saves_in_front(crashed: Crashed) -> None:
    """A crash may leave the new length of a file, and nothing in it."""
    for size in crashed.places(crashed.ends[-2], len(crashed.log)):
        zeros = bytes(len(crashed.log) - size)
        expected = crashed.states[crashed.saves_within(size)]
        assert crashed.boot(crashed.log[:size] + zeros) == expected, size


def test_b31_last_save_may_have_reached_the_disk_in_any_order(crashed: Crashed) -> None:
    """What was not flushed may be there in part: a hole in it is no damage."""
    frame = FRAME_HEADER_BYTES + PAGE_BYTES
    frames, rest = divmod(len(crashed.log) - crashed.ends[-2], frame)
    assert (frames > 1, rest) == (True, 0)
    for start in range(crashed.ends[-2], len(crashed.log), frame):
        hole = crashed.log[:start] + bytes(frame) + crashed.log[start + frame :]
        assert crashed.boot(hole) == crashed.states[-2], start


def test_b30_rotten_bit_in_front_of_flushed_saves_is_refused(crashed: Crashed) -> None:
    """Two saves behind the bit leave no doubt: the first of them was flushed."""
    flushed_end = crashed.ends[-3]
    for position in crashed.places(0, flushed_end):
        with pytest.raises(CorruptionError, match=r"raft\.db-wal: damaged at byte \d+"):
            crashed.boot(_flip(crashed.log, position))


def test_b30_damaged_log_names_the_place_and_is_refused_again(crashed: Crashed) -> None:
    """The first refusal must not remove what the second one finds."""
    position = crashed.ends[2] + 40
    damaged = _flip(crashed.log, position)
    with pytest.raises(CorruptionError, match=f"damaged at byte {crashed.ends[2]},"):
        crashed.boot(damaged)
    with pytest.raises(CorruptionError, match="wipe this node"):
        SqliteStorage(crashed.path, "demo", 1)
    assert crashed.log_path.read_bytes() == damaged


def test_b30_rotten_bit_in_the_last_saves_never_shows_what_was_not_saved(crashed: Crashed) -> None:
    """At the end rot looks like a write that was cut off: saves may be missing, never wrong."""
    for position in crashed.places(crashed.ends[-3], len(crashed.log)):
        try:
            found = crashed.boot(_flip(crashed.log, position))
        except CorruptionError:
            continue
        assert found in crashed.states[-3:], position


def test_b30_zeroed_block_in_front_of_flushed_saves_is_refused(crashed: Crashed) -> None:
    for start in range(0, crashed.ends[-3] - 512, 1531):
        damaged = crashed.log[:start] + bytes(512) + crashed.log[start + 512 :]
        if damaged == crashed.log:
            continue  # a part of a page that was never filled
        with pytest.raises(CorruptionError):
            crashed.boot(damaged)


@pytest.fixture
def reused(tmp_path: Path) -> Iterator[tuple[Path, SqliteStorage]]:
    """A storage whose log was folded into the database and begun again over the old frames."""
    path = tmp_path / "raft.db"
    SqliteStorage.create(path, "demo", 1, FIRST)
    with closing(SqliteStorage(path, "demo", 1)) as storage:
        number = 0
        size = -1
        while number < 3 * WAL_PAGES_MAX:
            number += 1
            entry = LogEntry(number, b"x" * 9000)
            storage.save(batch(HardState(number, None), None, number, [entry]))
            grown = Path(f"{path}-wal").stat().st_size
            if grown == size:
                break
            size = grown
        else:
            pytest.fail("the log was never begun again")
        yield path, storage


def test_frames_of_an_earlier_log_are_not_damage(
    reused: tuple[Path, SqliteStorage], tmp_path: Path
) -> None:
    path, storage = reused
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("raft.db", "raft.db-wal"):
        shutil.copy(path.with_name(name), copy / name)
    with (copy / "raft.db-wal").open("rb") as log:
        assert find_damage(log) is None
    with closing(SqliteStorage(copy / "raft.db", "demo", 1)) as booted:
        assert booted.load() == storage.load()


def test_log_that_was_not_begun_is_no_damage(tmp_path: Path) -> None:
    for content in (b"", bytes(20), bytes(HEADER_BYTES), bytes(10_000)):
        path = tmp_path / "raft.db-wal"
        path.write_bytes(content)
        with path.open("rb") as log:
            assert find_damage(log) is None
