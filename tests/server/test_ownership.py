"""The lock that says whose a node's data is."""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.server import ownership
from node.server.ownership import OwnedError, PidFile, write_pid


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PidFile:
    """Of a node without a folder yet. Who has to wait for the lock gives up at once."""
    monkeypatch.setattr(ownership, "PID_SECONDS_MAX", 0)
    return PidFile(tmp_path / "n3")


@pytest.fixture
def taken(file: PidFile) -> Iterator[int]:
    descriptor = file.take()
    yield descriptor
    os.close(descriptor)


def test_what_somebody_has_nobody_else_takes(file: PidFile, taken: int) -> None:
    assert file.is_locked
    with pytest.raises(OwnedError, match="n3 runs already, or a command works on its data"):
        file.take()
    write_pid(taken, 123)
    with pytest.raises(OwnedError, match="n3 runs already, as process 123"):
        file.claim()
    assert file.find() == 123


def test_what_was_given_back_is_taken_and_says_nothing_of_the_one_before(file: PidFile) -> None:
    before = file.take()
    write_pid(before, 123)
    os.close(before)
    assert (file.is_locked, file.find(), file.saved_pid()) == (False, None, 123)
    file.ended_path.write_text("{}")
    descriptor = file.claim()
    assert (file.saved_pid(), file.ended_path.exists()) == (None, False)
    os.close(descriptor)


def test_a_lock_that_was_left_to_a_child_is_its_own(file: PidFile, taken: int) -> None:
    inherited = os.dup(taken)
    os.set_inheritable(inherited, True)
    assert file.inherit(inherited) == inherited
    assert not os.get_inheritable(inherited), "a process that the node starts is not the node"
    write_pid(taken, 123)  # the starter and the child, in whatever order
    write_pid(inherited, 123)
    assert file.saved_pid() == 123
    os.close(inherited)
    assert file.is_locked, "as long as one of them has it"


def test_a_descriptor_alone_is_no_lock(file: PidFile, taken: int, tmp_path: Path) -> None:
    with (tmp_path / "n3" / "pid").open("r+b") as other, pytest.raises(OwnedError, match="runs"):
        file.inherit(other.fileno())
    (tmp_path / "other").touch()
    with (tmp_path / "other").open("r+b") as other:
        text = re.escape(f"is not that of {tmp_path / 'n3' / 'pid'}")
        with pytest.raises(OwnedError, match=text):
            file.inherit(other.fileno())
    with pytest.raises(OSError, match="Bad file descriptor"):
        file.inherit(10_000)


def test_a_lock_in_a_folder_that_was_removed_is_none(
    file: PidFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.flock
    removals = [tmp_path / "n3"]

    def after_a_removal(descriptor: int, how: int) -> None:
        if removals:
            folder = removals.pop()
            shutil.rmtree(folder)
            folder.mkdir()
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", after_a_removal)
    descriptor = file.take()
    assert (tmp_path / "n3" / "pid").exists()
    assert file.is_locked
    os.close(descriptor)


def test_only_the_pid_of_who_is_gone_is_forgotten(file: PidFile) -> None:
    file.forget()
    descriptor = file.take()
    write_pid(descriptor, 123)
    file.forget()
    assert file.saved_pid() == 123
    os.close(descriptor)
    file.forget()
    assert file.saved_pid() is None
