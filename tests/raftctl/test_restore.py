"""snapshot restore: the whole cluster goes back to a file, all of it or nothing."""

import itertools
import os
import shutil
import subprocess
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from node.client.admin import Admin
from node.config import load_cluster, save_cluster
from node.raft.configuration import Configuration
from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.server.run import open_stores
from node.storage.inspection import read_database
from node.storage.snapshots import describe_snapshot
from raftctl.cluster.restoring import restore
from raftctl.cluster.settling import settle, unsettled
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.schemas import json_schema
from tests.measure.commands import Raftctl, fresh_home
from tests.raftctl.folders import (
    copied,
    damage,
    killed_at,
    make,
    settings_of,
    snapshot,
    terms,
    write,
)
from tests.raftctl.schema import violations


def prepare(home: Path, keys: int = 3) -> tuple[Path, Path]:
    """A cluster's folder, and a file that it may go back to."""
    folder = make(home)
    for node_id in (1, 2, 3):
        write(folder, node_id, terms(1, 1, 1, 2, 2, 2), commit_index=5, term=4)
    snapshot(folder, 1, EntryId(2, 4), keys)
    return folder, folder / "n1" / "snapshots" / f"{4:016}-2.snap"


def refusal(home: Path, file: Path, yes: bool = True) -> CliError:
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    with pytest.raises(CliError) as caught:
        restore(settings_of(home, yes), file)
    folder = home / "clusters" / "demo"
    after = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    changed = {path.name for path, data in after.items() if before.get(path) != data}
    assert changed <= {"pid", ".demo.lock"}, "the old state is intact"
    assert not unsettled(folder)
    assert caught.value.hint
    return caught.value


def check_restored(folder: Path, old_id: str) -> None:
    """All nodes begin with the snapshot, and are the members."""
    spec = load_cluster(folder)
    assert spec.former_ids[-1] == old_id != spec.cluster_id
    digests = set()
    for node in spec.nodes:
        seen = read_database(folder / node.name / "raft.db")
        assert (seen.cluster_id, seen.node_id, seen.damage) == (spec.cluster_id, node.id, ())
        stored = seen.stored
        assert (stored.base, len(stored.log), stored.commit_index) == (EntryId(2, 4), 1, 5)
        (only,) = stored.log
        assert (only.term, stored.hard_state.current_term) == (5, 5)
        assert isinstance(only.entry, Configuration)
        assert only.entry.voters == {1, 2, 3}
        (kept,) = stored.snapshots
        digests.add(kept.id)
        path = folder / node.name / "snapshots" / f"{4:016}-2.snap"
        found = describe_snapshot(path)
        assert (found.damage, found.digest) == (None, kept.id.digest)
        assert found.header is not None
        assert found.header.cluster_id == spec.cluster_id
    assert len(digests) == 1, "a snapshot is the same on all nodes"


def test_all_nodes_go_back_to_the_snapshot_under_a_new_id(tmp_path: Path) -> None:
    folder, file = prepare(tmp_path)
    old_id = load_cluster(folder).cluster_id
    restore(settings_of(tmp_path), file)
    check_restored(folder, old_id)


def test_file_of_another_cluster_is_refused_and_one_of_an_earlier_life_is_not(
    tmp_path: Path,
) -> None:
    folder, file = prepare(tmp_path)
    spec = load_cluster(folder)
    save_cluster(folder, replace(spec, cluster_id="0" * 16))
    error = refusal(tmp_path, file)
    assert (error.code, error.exit_code) == ("E_WRONG_CLUSTER", Exit.PRECONDITION)
    assert spec.cluster_id in error.message
    save_cluster(folder, spec)
    kept = Path(shutil.copy(file, tmp_path / "kept.snap"))
    restore(settings_of(tmp_path), file)
    between = load_cluster(folder).cluster_id
    restore(settings_of(tmp_path), kept)
    assert load_cluster(folder).former_ids == (spec.cluster_id, between)


def test_file_that_is_damaged_missing_or_makes_no_machine_is_refused(tmp_path: Path) -> None:
    folder, file = prepare(tmp_path)
    assert refusal(tmp_path, tmp_path / "no.snap").exit_code == Exit.NOT_FOUND
    spec = load_cluster(folder)
    save_cluster(folder, replace(spec, machine="tests.measure.machines:AppendLog"))
    assert refusal(tmp_path, file).code == "E_DAMAGED"
    save_cluster(folder, spec)
    for spoil in (damage, lambda path: os.truncate(path, 40), lambda path: path.write_bytes(b"")):
        spoilt = Path(shutil.copy(file, tmp_path / "spoilt.snap"))
        spoil(spoilt)
        error = refusal(tmp_path, spoilt)
        assert (error.code, error.exit_code) == ("E_DAMAGED", Exit.CHECK_FAILED)


def test_it_says_what_is_undone_and_asks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, file = prepare(tmp_path)
    settings = settings_of(tmp_path, yes=False)
    settings.output.quiet = False
    with pytest.raises(CliError) as caught:
        restore(settings, file)
    assert (caught.value.code, caught.value.exit_code) == ("E_CONFIRM", Exit.USAGE)
    told = capsys.readouterr().err
    assert "2 entries are undone" in told
    assert "afterwards: voters n1 n2 n3" in told


def test_nodes_that_are_lost_or_damaged_come_back_and_learners_stay_learners(
    tmp_path: Path,
) -> None:
    folder, file = prepare(tmp_path)
    old_id = load_cluster(folder).cluster_id
    (folder / "n2" / "raft.db").unlink()
    (folder / "n3" / "raft.db").write_bytes(b"garbage" * 100)
    restore(settings_of(tmp_path), file)
    check_restored(folder, old_id)
    learning = tmp_path / "learning"
    folder = make(learning)
    members = Configuration(frozenset({1, 2}), frozenset({3}))
    write(folder, 1, [*terms(1, 1, 1), LogEntry(2, members)], term=4)
    snapshot(folder, 1, EntryId(2, 4))
    restore(settings_of(learning), folder / "n1" / "snapshots" / f"{4:016}-2.snap")
    (only,) = read_database(folder / "n3" / "raft.db").stored.log
    assert (only.entry.voters, only.entry.learners) == ({1, 2}, {3})


# -- killed, and without room ----------------------------------------------------------------------
def test_restore_that_is_killed_at_any_step_leaves_the_old_state_or_the_new_one(
    tmp_path: Path,
) -> None:
    source = tmp_path / "source"
    folder, file = prepare(source)
    kept = Path(shutil.copy(file, tmp_path / "kept.snap"))
    old_id = load_cluster(folder).cluster_id
    found = set[bool]()
    for step in itertools.count(1):
        home = copied(source, tmp_path / "home")
        folder = home / "clusters" / "demo"
        is_killed = killed_at(step, home, partial(restore, settings_of(home), kept))
        spec = load_cluster(folder)
        if step % 2:
            for node in spec.nodes:
                open_stores(folder, spec, node.id).storage.close()
        settle(folder)
        assert not unsettled(folder)
        found.add(spec.cluster_id == old_id)
        if spec.cluster_id != old_id:
            check_restored(folder, old_id)
        else:
            for node in spec.nodes:
                stored = read_database(folder / node.name / "raft.db").stored
                assert (len(stored.log), stored.commit_index) == (6, 5)
        shutil.rmtree(home)
        if not is_killed:
            break
    assert step > 40, "it was killed at all that it does"
    assert found == {False, True}


def test_snapshot_that_is_larger_than_the_free_disk_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, file = prepare(tmp_path)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 100_000))
    error = refusal(tmp_path, file)
    assert (error.code, error.exit_code) == ("E_NO_SPACE", Exit.PRECONDITION)
    assert "97.7 KiB are free" in error.message


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=False)


def test_disk_that_is_full_in_the_middle_leaves_the_old_state(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file = prepare(small_disk, keys=4000)
    old_id = load_cluster(folder).cluster_id
    monkeypatch.setattr("raftctl.cluster.restoring.check_space", lambda *_: None)
    for room in itertools.count(30_000, 50_000):
        free = shutil.disk_usage(small_disk).free
        (small_disk / "ballast").write_bytes(bytes(free - room))
        error = None
        try:
            restore(settings_of(small_disk), file)
        except CliError as failure:
            error = failure
        if error is None:
            break
        assert (error.code, error.exit_code) == ("E_NO_SPACE", Exit.PRECONDITION)
        assert "demo is as it was" in error.message
        assert load_cluster(folder).cluster_id == old_id
        assert not unsettled(folder)
        (small_disk / "ballast").unlink()
    assert room > 200_000, "it was full at all that it writes"
    check_restored(folder, old_id)


# -- with processes --------------------------------------------------------------------------------
@pytest.mark.e2e
def test_cluster_is_what_it_was_when_the_snapshot_was_taken() -> None:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        raftctl.run("put", "a", "1")
        with Admin(raftctl.address("demo"), _leader(raftctl)) as admin:
            taken = admin.take_snapshot()
        raftctl.run("put", "a", "2")
        raftctl.run("put", "b", "2")
        file = next((raftctl.home / "clusters" / "demo").glob("n*/snapshots/*.snap"))
        done = raftctl.document("snapshot", "restore", str(file), "-y")
        assert violations(done, json_schema("restore")) == []
        assert (done["snapshot_index"], done["nodes"]) == (taken["index"], ["n1", "n2", "n3"])
        assert done["undone"] >= 2
        assert raftctl.run("status", check=False).returncode == Exit.NOT_RUNNING
        raftctl.run("up")
        assert raftctl.run("get", "a").stdout == "1\n"
        assert raftctl.run("get", "b", check=False).returncode == Exit.NOT_FOUND
        raftctl.run("put", "b", "3")
        raftctl.run("wait", "converged")
        for name in ("n1", "n2", "n3"):
            assert raftctl.run("get", "b", "--at", name, "--read", "stale").stdout == "3\n"
        assert raftctl.document("log", "verify")["ok"]


def _leader(raftctl: Raftctl) -> int:
    return int(raftctl.document("status")["leader"][1:])
