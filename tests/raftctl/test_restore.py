"""snapshot restore: the whole cluster goes back to a file, all of it or nothing."""

import itertools
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from node.client.admin import Admin
from node.config import load_cluster, read_token, save_cluster
from node.machines.kv import KvMachine
from node.raft.configuration import Configuration
from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.raft.ready import Ready
from node.server.run import assemble, open_stores
from node.storage.inspection import read_database
from node.storage.ondisk import DATABASE, REDO, DiskStorage
from node.storage.snapshots import describe_snapshot
from node.storage.sqlite import SqliteStorage
from raftctl.cluster import restoring, shutdown
from raftctl.cluster.directory import Cluster
from raftctl.cluster.logcheck import check_node
from raftctl.cluster.restoring import look, places, restore
from raftctl.cluster.settling import unsettled
from raftctl.cluster.sourcefile import hold_file, read_source
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.schemas import json_schema
from tests.measure.commands import Raftctl, fresh_home
from tests.raftctl.clusters import typed
from tests.raftctl.folders import (
    append,
    damage,
    end_what_was_begun,
    full,
    killed_at_each_step,
    make,
    never,
    put,
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


def refusal(home: Path, file: Path, yes: bool = True, changed: Collection[str] = ()) -> CliError:
    """Why nothing is done; `changed`: what somebody else changes meanwhile."""
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    with pytest.raises(CliError) as caught:
        restore(settings_of(home, yes), file)
    folder = home / "clusters" / "demo"
    after = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    found = {path.name for path, data in after.items() if before.get(path) != data}
    assert found <= {"pid", ".demo.lock", *changed}, "the old state is intact"
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


def test_all_nodes_go_back_to_the_snapshot_under_a_new_id(memory_path: Path) -> None:
    folder, file = prepare(memory_path)
    old_id = load_cluster(folder).cluster_id
    restore(settings_of(memory_path), file)
    check_restored(folder, old_id)


def test_file_of_another_cluster_is_refused_and_one_of_an_earlier_life_is_not(
    memory_path: Path,
) -> None:
    folder, file = prepare(memory_path)
    spec = load_cluster(folder)
    save_cluster(folder, spec._replace(cluster_id="0" * 16))
    error = refusal(memory_path, file)
    assert (error.code, error.exit_code) == ("E_WRONG_CLUSTER", Exit.PRECONDITION)
    assert spec.cluster_id in error.message
    save_cluster(folder, spec)
    kept = Path(shutil.copy(file, memory_path / "kept.snap"))
    restore(settings_of(memory_path), file)
    between = load_cluster(folder).cluster_id
    restore(settings_of(memory_path), kept)
    assert load_cluster(folder).former_ids == (spec.cluster_id, between)


def test_file_that_is_damaged_missing_or_makes_no_machine_is_refused(memory_path: Path) -> None:
    folder, file = prepare(memory_path)
    assert refusal(memory_path, memory_path / "no.snap").exit_code == Exit.NOT_FOUND
    spec = load_cluster(folder)
    save_cluster(folder, spec._replace(machine="tests.measure.machines:AppendLog"))
    assert refusal(memory_path, file).code == "E_DAMAGED"
    save_cluster(folder, spec)
    for spoil in (damage, lambda path: os.truncate(path, 40), lambda path: path.write_bytes(b"")):
        spoilt = Path(shutil.copy(file, memory_path / "spoilt.snap"))
        spoil(spoilt)
        error = refusal(memory_path, spoilt)
        assert (error.code, error.exit_code) == ("E_DAMAGED", Exit.CHECK_FAILED)


def test_it_says_what_is_undone_and_asks(
    memory_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, file = prepare(memory_path)
    settings = settings_of(memory_path, yes=False)
    settings.output.quiet = False
    with pytest.raises(CliError) as caught:
        restore(settings, file)
    assert (caught.value.code, caught.value.exit_code) == ("E_CONFIRM", Exit.USAGE)
    told = capsys.readouterr().err
    assert "2 entries are undone" in told
    assert "afterwards: voters n1 n2 n3" in told


def test_nodes_that_are_lost_or_damaged_come_back(
    memory_path: Path,
) -> None:
    folder, file = prepare(memory_path)
    old_id = load_cluster(folder).cluster_id
    (folder / "n2" / "raft.db").unlink()
    (folder / "n3" / "raft.db").write_bytes(b"garbage" * 100)
    restore(settings_of(memory_path), file)
    check_restored(folder, old_id)


def test_cluster_with_learners_starts_after_a_restore(memory_path: Path) -> None:
    folder = make(memory_path)
    members = Configuration(frozenset({1, 2}), frozenset({3}))
    write(folder, 1, [*terms(1, 1, 1), LogEntry(2, members)], term=4)
    snapshot(folder, 1, EntryId(2, 4))
    restore(settings_of(memory_path), folder / "n1" / "snapshots" / f"{4:016}-2.snap")
    spec = load_cluster(folder)
    for node in spec.nodes:
        stores = open_stores(folder, spec, node.id)
        started = assemble(folder, spec, read_token(folder), node.id, stores, KvMachine)
        stores.storage.close()
        configuration = started.driver.replica.core.configuration
        assert configuration.voters == {1, 2}
        assert configuration.learners == {3}
        assert dict(configuration.addresses).keys() == {1, 2, 3}


# -- who has a place afterwards --------------------------------------------------------------------
def test_places_are_those_of_the_members() -> None:
    rows = frozenset({1, 2, 3, 4})
    three = frozenset({1, 2, 3})
    table = [
        (Configuration(three), {1, 2, 3}, set()),  # n4 was removed, or is about to be added
        (Configuration(three, frozenset({4})), {1, 2, 3}, {4}),
        (Configuration(three, frozenset({4}), promotable=frozenset({4})), {1, 2, 3, 4}, set()),
        (Configuration(frozenset({1, 2, 4}), outgoing=three), {1, 2, 3, 4}, set()),
        (Configuration(frozenset({1, 2}), frozenset({3}), outgoing=three), {1, 2, 3}, set()),
        (Configuration(frozenset({7}), frozenset({4})), {4}, set()),
        (Configuration(frozenset({7})), {1, 2, 3, 4}, set()),
        (Configuration(), {1, 2, 3, 4}, set()),
    ]
    for configuration, voters, learners in table:
        assert tuple(map(set, places(rows, configuration))) == (voters, learners)


def removal(home: Path) -> tuple[Path, Path]:
    """A cluster whose n4 was removed by a command that was killed before it dropped its row."""
    folder = make(home, 4)
    snapshot(folder, 4, EntryId(2, 4))
    left = LogEntry(2, Configuration(frozenset({1, 2, 3})))
    for node_id in (1, 2, 3):
        write(folder, node_id, [*terms(1, 1, 1, 2, 2), left], commit_index=6, term=4)
    write(folder, 4, terms(1, 1, 1, 2), commit_index=4, term=4)
    return folder, folder / "n4" / "snapshots" / f"{4:016}-2.snap"


def test_node_that_was_removed_does_not_come_back_though_its_row_was_left(
    memory_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, file = removal(memory_path)
    settings = settings_of(memory_path)
    settings.output.quiet = False
    restore(settings, file)
    told = capsys.readouterr().err
    assert "afterwards: voters n1 n2 n3, under a new cluster id" in told
    assert "n4 is no member, and gets no place: data kept until raftctl prune" in told
    spec = load_cluster(folder)
    assert ([node.id for node in spec.nodes], spec.free_id) == ([1, 2, 3], 5)
    (only,) = read_database(folder / "n1" / "raft.db").stored.log
    assert only.entry.members == {1, 2, 3}
    assert (folder / "n4" / "raft.db").exists()


def test_damaged_log_does_not_say_who_is_a_member_where_a_whole_one_does(memory_path: Path) -> None:
    folder, file = removal(memory_path)
    spec = load_cluster(folder)
    # n3 has more than the others, and what it has of the members is from the beginning.
    append(folder, 3, *terms(4, 4, 4, 4))
    with closing(DiskStorage(folder / "n3", spec.cluster_id, 3)) as storage:
        compacted = snapshot(folder, 3, EntryId(2, 6))
        storage.save(Ready(1, snapshot=compacted, base=EntryId(2, 6)))
    with closing(sqlite3.connect(folder / "n3" / "raft.db")) as db:
        db.execute("UPDATE snapshot SET crc = crc + 1")
        db.commit()
    restore(settings_of(memory_path), file)
    assert [node.id for node in load_cluster(folder).nodes] == [1, 2, 3]


def test_member_without_a_row_gets_no_place_and_its_id_is_not_given_again(
    memory_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, file = prepare(memory_path)
    members = Configuration(frozenset({1, 2, 3, 8}))
    append(folder, 2, LogEntry(4, members))
    settings = settings_of(memory_path)
    settings.output.quiet = False
    restore(settings, file)
    told = capsys.readouterr().err
    assert "n8 is a member that cluster.json does not have: no place either" in told
    assert load_cluster(folder).free_id == 9


def test_newcomer_that_knows_of_no_members_does_not_say_who_is_one(memory_path: Path) -> None:
    folder, file = removal(memory_path)
    cluster_id = load_cluster(folder).cluster_id
    (folder / "n4" / "raft.db").unlink()
    SqliteStorage.create(folder / "n4" / "raft.db", cluster_id, 4, first=Configuration())
    for node_id in (1, 2, 3):
        with closing(sqlite3.connect(folder / f"n{node_id}" / "raft.db")) as db:
            assert db.execute("UPDATE log SET crc = crc + 1 WHERE idx = 6").rowcount == 1
            db.commit()
    cluster = Cluster("demo", folder)
    with hold_file(file) as held:
        newest = look(cluster, read_source(held, cluster.spec)).newest
    assert newest is not None
    assert newest.name == "n1"


# -- while the question stands ---------------------------------------------------------------------
def while_it_stands(
    monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object], is_stopped: bool = False
) -> None:
    """What happens between what is shown and the answer; then nothing may be stopped."""
    monkeypatch.setattr(restoring, "confirm_by_name", lambda *_: happens())
    if not is_stopped:
        monkeypatch.setattr(restoring, "stopped", never)


def test_file_that_a_node_removes_while_the_question_stands_is_gone_back_to(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file = prepare(memory_path)
    old_id = load_cluster(folder).cluster_id
    while_it_stands(monkeypatch, file.unlink, is_stopped=True)
    restore(settings_of(memory_path, yes=False), file)
    check_restored(folder, old_id)


def test_file_that_is_replaced_while_the_question_stands_is_not_used(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file = prepare(memory_path)
    shown = describe_snapshot(file).part_count

    def replaced() -> None:
        snapshot(folder, 1, EntryId(2, 4), keys=4000)
        assert describe_snapshot(file).part_count > shown

    while_it_stands(monkeypatch, replaced, is_stopped=True)
    restore(settings_of(memory_path, yes=False), file)
    found = describe_snapshot(folder / "n2" / "snapshots" / file.name)
    assert (found.damage, found.part_count) == (None, shown)


def test_file_that_is_overwritten_while_the_question_stands_stops_the_restore(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file = prepare(memory_path)
    other = memory_path / "other"
    snapshot(make(other), 1, EntryId(2, 4), keys=4)
    text = (other / "clusters" / "demo" / "n1" / "snapshots" / file.name).read_bytes()
    spec = load_cluster(folder)
    former = load_cluster(other / "clusters" / "demo").cluster_id
    save_cluster(folder, spec._replace(former_ids=(former,)))
    while_it_stands(monkeypatch, lambda: file.write_bytes(text))
    error = refusal(memory_path, file, yes=False, changed={file.name})
    assert (error.code, error.exit_code) == ("E_CHANGED", Exit.PRECONDITION)
    while_it_stands(monkeypatch, lambda: damage(file))
    error = refusal(memory_path, file, yes=False, changed={file.name})
    assert error.code == "E_DAMAGED"


def test_entry_that_comes_while_the_question_stands_stops_the_restore(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file = prepare(memory_path)
    while_it_stands(monkeypatch, lambda: append(folder, 2, LogEntry(4, put("b"))))
    error = refusal(memory_path, file, yes=False, changed={DATABASE, REDO})
    assert (error.code, error.exit_code) == ("E_CHANGED", Exit.PRECONDITION)
    assert "raftctl down" in error.hint
    members = Configuration(frozenset({1, 2}))
    while_it_stands(monkeypatch, lambda: append(folder, 2, LogEntry(4, members)))
    assert refusal(memory_path, file, yes=False, changed={DATABASE, REDO}).code == "E_CHANGED"
    monkeypatch.undo()
    # Another leader's no-op changes nothing for anybody.
    while_it_stands(monkeypatch, lambda: append(folder, 2, LogEntry(4, None)), is_stopped=True)
    restore(settings_of(memory_path, yes=False), file)
    assert load_cluster(folder).former_ids


def test_entry_that_comes_before_the_stop_leaves_the_cluster_stopped_and_says_so(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file = prepare(memory_path)
    while_it_stands(monkeypatch, lambda: None, is_stopped=True)
    more = LogEntry(4, put("b"))
    monkeypatch.setattr(shutdown, "take_down", lambda *_: append(folder, 2, more))
    error = refusal(memory_path, file, yes=False, changed={DATABASE, REDO})
    assert error.code == "E_CHANGED"
    assert error.message.endswith("nothing was done; demo is stopped")
    assert error.hint.endswith("raftctl up starts it")


def test_disk_that_fills_while_the_question_stands_is_found_before_the_stop(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, file = prepare(memory_path)
    while_it_stands(monkeypatch, lambda: monkeypatch.setattr(shutil, "disk_usage", full))
    assert refusal(memory_path, file).code == "E_NO_SPACE"


def test_cluster_that_was_made_anew_while_the_question_stood_is_left_alone(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file = prepare(memory_path)
    kept = Path(shutil.copy(file, memory_path / "kept.snap"))

    def make_anew() -> None:
        monkeypatch.undo()
        restore(settings_of(memory_path), kept)
        monkeypatch.setattr(restoring, "stopped", never)

    while_it_stands(monkeypatch, make_anew, is_stopped=True)
    with pytest.raises(CliError) as caught:
        restore(settings_of(memory_path, yes=False), kept)
    assert caught.value.code == "E_CHANGED"
    assert len(load_cluster(folder).former_ids) == 1


# -- killed, and without room ----------------------------------------------------------------------
def test_restore_that_is_killed_at_any_step_leaves_the_old_state_or_the_new_one(
    memory_path: Path,
) -> None:
    source = memory_path / "source"
    folder, file = prepare(source)
    kept = Path(shutil.copy(file, memory_path / "kept.snap"))
    old_id = load_cluster(folder).cluster_id
    found = set[bool]()

    def command(home: Path) -> None:
        restore(settings_of(home), kept)

    for step, folder in killed_at_each_step(source, memory_path / "home", command):
        end_what_was_begun(folder, starting=(1, 2, 3) if step % 2 else ())
        spec = load_cluster(folder)
        found.add(spec.cluster_id == old_id)
        if spec.cluster_id != old_id:
            check_restored(folder, old_id)
            continue
        for node in spec.nodes:
            stored = read_database(folder / node.name / "raft.db").stored
            assert (len(stored.log), stored.commit_index) == (6, 5)
    assert step > 40, "it was killed at all that it does"
    assert found == {False, True}


def test_snapshot_that_is_larger_than_the_free_disk_is_refused_before_anything_is_written(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, file = prepare(memory_path)
    monkeypatch.setattr(shutil, "disk_usage", full)
    error = refusal(memory_path, file)
    assert (error.code, error.exit_code) == ("E_NO_SPACE", Exit.PRECONDITION)
    assert "97.7 KiB are free" in error.message


def test_what_a_killed_restore_left_does_not_take_the_room_of_the_next(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file = prepare(memory_path)
    old_id = load_cluster(folder).cluster_id
    left = folder / "n2" / "next-0123456789abcdef"
    shutil.copytree(folder / "n1", left)
    real = shutil.disk_usage
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: full(path) if left.exists() else real(path)
    )
    restore(settings_of(memory_path), file)
    check_restored(folder, old_id)


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
        raftctl.run("put", "b", "2")
        file = next((raftctl.home / "clusters" / "demo").glob("n*/snapshots/*.snap"))
        asked = typed(raftctl, "demo", "snapshot", "restore", str(file), "-o", "json")
        assert asked.returncode == 0, "that another leads after the stop changes nothing"
        done = json.loads(asked.stdout)
        assert violations(done, json_schema("restore")) == []
        assert (done["snapshot_index"], done["nodes"]) == (taken["index"], ["n1", "n2", "n3"])
        assert done["undone"] >= 1
        raftctl.run("up")
        assert raftctl.run("get", "a").stdout == "1\n"
        assert raftctl.run("get", "b", check=False).returncode == Exit.NOT_FOUND
        raftctl.run("put", "b", "3")
        raftctl.run("wait", "converged")
        cluster = Cluster("demo", raftctl.home / "clusters" / "demo")
        output = settings_of(raftctl.home).output
        checked = [check_node(cluster, node_id, output) for node_id in (1, 2, 3)]
        assert [log.damage for log in checked] == [[], [], []]
        assert len({log.last_index for log in checked}) == 1


def _leader(raftctl: Raftctl) -> int:
    return int(raftctl.document("status")["leader"][1:])
