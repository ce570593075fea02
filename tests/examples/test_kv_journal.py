"""The example's journal: what was flushed is there again, or the member does not start."""

import os
import stat
from pathlib import Path

import pytest

from examples.kv_store.journal import Journal, JournalError
from node.raft import InitialState, LogEntry


def opened(folder: Path, member_id: int = 0, members: int = 3) -> Journal:
    return Journal(folder, member_id, members)


def reopened(folder: Path) -> InitialState:
    journal = opened(folder)
    journal.close()
    return journal.initial_state()


def written(folder: Path) -> list[tuple[int, InitialState]]:
    """Four saves, as Raft makes them: where each ends in the file, and what it leaves behind."""
    journal = opened(folder)
    saves = [(journal.path.stat().st_size, journal.initial_state())]

    def save() -> None:
        journal.sync()
        saves.append((journal.path.stat().st_size, journal.initial_state()))

    journal.save_term(1)
    journal.save_vote(2)
    save()
    for entry in (None, b"", b"a line\nand more"):
        journal.append(LogEntry(1, entry))
    save()
    journal.save_term(3)
    journal.save_vote(None)
    journal.pop()
    journal.pop()
    journal.append(LogEntry(3, None))
    save()
    journal.append(LogEntry(3, b"last"))
    save()
    journal.close()
    return saves


def test_what_was_saved_is_there_again(tmp_path: Path) -> None:
    *_, (_, state) = written(tmp_path)
    assert reopened(tmp_path) == state
    assert state == InitialState(
        3, None, [LogEntry(1, None), LogEntry(3, None), LogEntry(3, b"last")]
    )


def test_nothing_counts_before_it_is_flushed(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.save_term(1)
    journal.append(LogEntry(1, b"x"))
    journal.close()
    assert reopened(tmp_path) == InitialState(log=[])


def test_entry_that_is_appended_and_popped_between_two_flushes_leaves_no_trace(
    tmp_path: Path,
) -> None:
    journal = opened(tmp_path)
    journal.save_term(1)
    journal.append(LogEntry(1, b"kept"))
    journal.sync()
    journal.append(LogEntry(1, b"not kept"))
    assert journal.pop() == LogEntry(1, b"not kept")
    journal.sync()
    journal.close()
    assert reopened(tmp_path).log == [LogEntry(1, b"kept")]


def test_z18_journal_cut_at_any_byte_of_its_last_record_boots(tmp_path: Path) -> None:
    *_, (before, state), (end, _) = written(tmp_path)
    path = tmp_path / "journal"
    data = path.read_bytes()
    for size in range(before, end):
        path.write_bytes(data[:size])
        journal = opened(tmp_path)
        assert journal.initial_state() == state
        assert journal.dropped_bytes == size - before
        journal.append(LogEntry(3, b"and it goes on"))
        journal.sync()
        journal.close()
        assert reopened(tmp_path).log == [*state.log, LogEntry(3, b"and it goes on")]


def test_z18_record_that_a_power_cut_left_in_pieces_is_dropped(tmp_path: Path) -> None:
    """The file may have grown before its content was there, or hold some pages of it."""
    *_, (before, state), (end, _) = written(tmp_path)
    path = tmp_path / "journal"
    data = path.read_bytes()
    for position in range(before, end):
        for torn in (
            data[:position] + bytes(end - position),
            data[:before] + bytes(position - before) + data[position:],
            data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :],
        ):
            path.write_bytes(torn)
            assert reopened(tmp_path) == state or torn == data


def test_damage_at_any_byte_before_the_last_record_is_refused(tmp_path: Path) -> None:
    *_, (before, _), _ = written(tmp_path)
    path = tmp_path / "journal"
    data = path.read_bytes()
    for position in range(before):
        path.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        with pytest.raises(JournalError, match=r"journal is damaged at byte \d+"):
            opened(tmp_path)
        assert path.stat().st_size == len(data), "what is damaged is left as it was"


def test_value_that_is_a_copy_of_another_journals_record_does_not_count(tmp_path: Path) -> None:
    written(tmp_path / "theirs")
    theirs = (tmp_path / "theirs" / "journal").read_bytes()
    journal = opened(tmp_path / "ours")
    journal.save_term(1)
    journal.sync()
    journal.append(LogEntry(1, theirs))
    journal.sync()
    journal.close()
    path = tmp_path / "ours" / "journal"
    path.write_bytes(path.read_bytes()[:-1])
    assert reopened(tmp_path / "ours") == InitialState(1, log=[])


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "0"
    opened(folder).close()
    for each, mode in ((folder.parent, 0o700), (folder, 0o700), (folder / "journal", 0o600)):
        assert stat.S_IMODE(each.stat().st_mode) == mode


def test_journal_that_a_crash_left_half_made_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "journal.new").write_bytes(b"kvs")
    assert reopened(tmp_path) == InitialState(log=[])
    assert [each.name for each in tmp_path.iterdir()] == ["journal"]


def test_journal_of_another_member_or_another_cluster_is_refused(tmp_path: Path) -> None:
    opened(tmp_path).close()
    for member_id, members in ((1, 3), (0, 5)):
        with pytest.raises(JournalError, match="that of member 0 of 3"):
            opened(tmp_path, member_id, members)


def test_two_processes_do_not_share_a_journal(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    with pytest.raises(JournalError, match="another process uses"):
        opened(tmp_path)
    journal.close()
    opened(tmp_path).close()


def test_each_save_is_flushed_whole_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(tmp_path)
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: flushed.append(os.fstat(file).st_size))
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: write(file, data[:7], at))
    journal.save_term(1)
    journal.append(LogEntry(1, b"x" * 100))
    journal.sync()
    assert flushed == [journal.path.stat().st_size]
    journal.close()
    assert reopened(tmp_path).log == [LogEntry(1, b"x" * 100)]
