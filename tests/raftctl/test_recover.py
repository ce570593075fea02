"""recover: the nodes that are left become the cluster, all of it or nothing."""

import errno
import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from node.client.admin import Admin
from node.config import (
    ClusterSpec,
    ConfigError,
    NodeAddress,
    flush_folder,
    load_cluster,
    read_token,
    save_cluster,
)
from node.raft.configuration import Configuration
from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.raft.ready import Ready
from node.server import ownership, run
from node.server.ownership import PidFile
from node.server.run import StartError, open_stores, run_node
from node.storage import renewal
from node.storage.base import CorruptionError, DiskFullError, StorageError
from node.storage.inspection import read_database
from node.storage.ondisk import REDO, DiskStorage
from raftctl.cluster import recovering, renewing, shutdown
from raftctl.cluster.directory import Cluster
from raftctl.cluster.nodelogs import NodeLog, damage_of, read_node
from raftctl.cluster.processes import NodeProcess
from raftctl.cluster.recovering import recover
from raftctl.cluster.settling import settle, unsettled
from raftctl.cluster.survivors import check_lost, choose
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.schemas import json_schema
from tests.measure.commands import Raftctl, fresh_home
from tests.raftctl.clusters import typed
from tests.raftctl.folders import (
    damage,
    end_what_was_begun,
    failing_with,
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

# -- whose log -------------------------------------------------------------------------------------


def logs_of(folder: Path, *node_ids: int) -> list[NodeLog]:
    cluster = Cluster("demo", folder)
    return [read_node(cluster, node_id) for node_id in node_ids]


def test_log_that_is_most_up_to_date_is_taken_and_what_others_hold_beside_it_is_named(
    memory_path: Path,
) -> None:
    folder = make(memory_path)
    write(folder, 1, terms(1, 1, 1, 1, 1), commit_index=2)
    write(folder, 2, terms(1, 1, 2, 2), commit_index=1)
    choice = choose(logs_of(folder, 1, 2), "raftctl")
    assert (choice.log.name, choice.commit_index, choice.tail) == ("n2", 2, range(3, 5))
    assert choice.term == 3
    ((loss,),) = [choice.losses]
    assert (loss.log.name, loss.first, loss.last) == ("n1", 3, 5)


def test_later_last_term_does_not_cost_an_entry_that_is_known_to_be_committed(
    memory_path: Path,
) -> None:
    """A leader of term 2 wrote to n2 alone, and one of term 3 committed what it had (figure 8)."""
    folder = make(memory_path)
    write(folder, 1, terms(1, 1, 1), commit_index=3, term=3)
    write(folder, 2, terms(1, 1, 2, 2), commit_index=1)
    choice = choose(logs_of(folder, 1, 2), "raftctl")
    assert (choice.log.name, choice.commit_index, choice.term) == ("n1", 3, 4)
    assert [(loss.first, loss.last) for loss in choice.losses] == [(3, 4)]


def test_logs_that_contradict_each_other_in_what_is_committed_are_not_decided(
    memory_path: Path,
) -> None:
    folder = make(memory_path)
    write(folder, 1, terms(1, 1), commit_index=2)
    write(folder, 2, terms(1, 2), commit_index=2)
    with pytest.raises(CliError, match="both say that entry 2 is committed") as caught:
        choose(logs_of(folder, 1, 2), "raftctl")
    assert caught.value.exit_code == Exit.CHECK_FAILED


# -- what is refused -------------------------------------------------------------------------------
def refusal(home: Path, *selectors: str) -> CliError:
    before = {path: path.read_bytes() for path in home.rglob("*.json")}
    with pytest.raises(CliError) as caught:
        recover(settings_of(home), list(selectors))
    assert {path: path.read_bytes() for path in home.rglob("*.json")} == before
    assert not unsettled(home / "clusters" / "demo")
    assert caught.value.hint
    return caught.value


def test_survivor_that_is_damaged_wiped_or_a_stranger_is_refused(memory_path: Path) -> None:
    folder = make(memory_path, 5)
    for node_id in (1, 2, 3):
        write(folder, node_id, terms(1, 1))
    members = Configuration(frozenset({1, 2, 3}))
    write(folder, 4, [*terms(1, 1), LogEntry(1, members)])
    assert "n4 is no member" in refusal(memory_path, "n4").message
    (folder / "n2" / "raft.db").write_bytes(b"garbage" * 1000)
    damaged = refusal(memory_path, "n2")
    assert (damaged.code, damaged.exit_code) == ("E_DAMAGED", Exit.CHECK_FAILED)
    (folder / "n3" / "raft.db").unlink()
    assert refusal(memory_path, "n3").code == "E_NO_DATA"
    assert refusal(memory_path, "n9").exit_code == Exit.NOT_FOUND


def test_survivors_that_are_a_quorum_are_told_to_start(memory_path: Path) -> None:
    make(memory_path)
    error = refusal(memory_path, "n1", "n2")
    assert (error.code, error.exit_code) == ("E_QUORUM", Exit.PRECONDITION)
    assert "of the voters n1 n2 n3 there are n1 n2: 2 of 3, 2 are needed" in error.message
    assert error.hint == "raftctl start n1 n2"


def test_leader_that_does_not_know_yet_that_it_is_alone_is_no_quorum() -> None:
    configuration = Configuration(frozenset({1, 2, 3}))
    check_lost(configuration, [1], {1: "running"}, "n1", "raftctl")
    with pytest.raises(CliError) as caught:
        check_lost(configuration, [1], {1: "running", 2: "running"}, "n1", "raftctl")
    assert caught.value.hint.startswith("n1 leads: raftctl members remove")
    with pytest.raises(CliError) as caught:
        check_lost(configuration, [1], {1: "running", 2: "paused"}, None, "raftctl")
    assert caught.value.hint == "raftctl resume n2"


def test_joint_configuration_is_counted_in_both_halves(memory_path: Path) -> None:
    folder = make(memory_path, 5)
    joint = Configuration(frozenset({1, 4, 5}), outgoing=frozenset({1, 2, 3}))
    for node_id in (1, 2, 4):
        write(folder, node_id, [LogEntry(1, joint)])
    message = refusal(memory_path, "n1", "n2", "n4").message
    assert "old voters n1 n2 n3 there are n1 n2: 2 of 3" in message
    assert "new voters n1 n4 n5 there are n1 n4: 2 of 3" in message
    recover(settings_of(memory_path), ["n1", "n4"])
    assert [node.id for node in load_cluster(folder).nodes] == [1, 4]


def test_quorum_is_counted_among_the_members_of_the_newest_log_not_of_the_survivors(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """n1 was away while n2 and n3 were replaced: n4 and n5 are a working cluster."""
    folder = make(memory_path, 5)
    before, after = Configuration(frozenset({1, 2, 3})), Configuration(frozenset({1, 4, 5}))
    write(folder, 1, [LogEntry(1, before)])
    for node_id in (4, 5):
        write(folder, node_id, [LogEntry(1, before), LogEntry(2, after)], commit_index=2)
    monkeypatch.setattr(recovering, "_alive", lambda *_: {4: "running", 5: "running"})
    monkeypatch.setattr(recovering, "stopped", never)
    assert refusal(memory_path, "n1").code == "E_QUORUM"


def test_members_that_were_left_behind_are_no_quorum_that_stops_a_recovery(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """n2 was away while n4 and n5 came; then they and n3 were lost, and n2 is back."""
    folder = make(memory_path, 5)
    before = Configuration(frozenset({1, 2, 3}))
    after = Configuration(frozenset({1, 2, 3, 4, 5}))
    write(folder, 1, [LogEntry(1, before), LogEntry(1, after)], commit_index=2)
    write(folder, 2, [LogEntry(1, before)], commit_index=1)
    for node_id in (3, 4, 5):
        (folder / f"n{node_id}" / "raft.db").unlink()
    monkeypatch.setattr(recovering, "_alive", lambda *_: {1: "running", 2: "running"})
    recover(settings_of(memory_path), ["n1"])
    assert [node.id for node in load_cluster(folder).nodes] == [1]


def test_damage_in_logs_of_a_quorum_that_runs_does_not_make_it_a_lost_one(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make(memory_path, 5)
    before, after = Configuration(frozenset({1, 2, 3})), Configuration(frozenset({1, 4, 5}))
    write(folder, 1, [LogEntry(1, before)])
    for node_id in (4, 5):
        entries = [LogEntry(1, before), LogEntry(2, after), LogEntry(2, put("rotten"))]
        write(folder, node_id, entries, commit_index=2)
        with closing(sqlite3.connect(folder / f"n{node_id}" / "raft.db")) as db:
            assert db.execute("UPDATE log SET crc = crc + 1 WHERE idx = 3").rowcount == 1
            db.commit()
    monkeypatch.setattr(recovering, "_alive", lambda *_: {4: "running", 5: "running"})
    monkeypatch.setattr(recovering, "stopped", never)
    assert refusal(memory_path, "n1").code == "E_QUORUM"


def test_quorum_that_comes_back_while_the_question_stands_stops_the_recovery(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(memory_path)
    alive: dict[int, str] = {}
    monkeypatch.setattr(recovering, "_alive", lambda *_: alive)
    monkeypatch.setattr(recovering, "stopped", never)
    monkeypatch.setattr(
        recovering, "confirm_by_name", lambda *_: alive.update({2: "running", 3: "running"})
    )
    assert refusal(memory_path, "n1").code == "E_QUORUM"


def test_cluster_that_was_made_anew_while_the_question_stood_is_left_alone(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make(memory_path)

    def make_anew(*_: object) -> None:
        save_cluster(folder, load_cluster(folder)._replace(cluster_id="another"))

    monkeypatch.setattr(recovering, "stopped", never)
    monkeypatch.setattr(recovering, "confirm_by_name", make_anew)
    with pytest.raises(CliError) as caught:
        recover(settings_of(memory_path), ["n1"])
    assert caught.value.code == "E_CHANGED"
    assert load_cluster(folder).cluster_id == "another"


# -- killed at any step ----------------------------------------------------------------------------
def prepare_loss(home: Path) -> Path:
    """n1 and n3 are left of five; n3's log is the longer one, behind a snapshot."""
    folder = make(home, 5)
    for node_id in (2, 4, 5):
        (folder / f"n{node_id}" / "raft.db").unlink()
    write(folder, 1, terms(1, 1, 1), commit_index=2)
    write(folder, 3, terms(1, 1, 1, 2)[2:], commit_index=3, base=EntryId(1, 2))
    return folder


def check_old_or_new(folder: Path, old_id: str) -> bool:
    """Whether it is the new cluster; in between there is nothing."""
    spec = load_cluster(folder)
    is_new = spec.cluster_id != old_id
    assert [node.id for node in spec.nodes] == ([1, 3] if is_new else [1, 2, 3, 4, 5])
    assert (spec.former_ids, spec.free_id) == ((old_id,) if is_new else (), 6)
    for node_id in (1, 3):
        seen = read_database(folder / f"n{node_id}" / "raft.db")
        assert (seen.cluster_id, seen.damage) == (spec.cluster_id, ())
        stored = seen.stored
        last = stored.base.index + len(stored.log)
        if is_new:
            assert (stored.base.index, last, stored.commit_index) == (2, 5, 5)
            assert (stored.hard_state.current_term, stored.hard_state.voted_for) == (3, None)
            members = stored.log[-1].entry
            assert isinstance(members, Configuration)
            assert members.voters == members.members == {1, 3}
        else:
            assert (stored.base.index, last) == ((0, 3) if node_id == 1 else (2, 4))
    return is_new


def test_recovery_that_is_killed_at_any_step_leaves_the_old_cluster_or_the_new_one(
    memory_path: Path,
) -> None:
    source = memory_path / "source"
    old_id = load_cluster(prepare_loss(source)).cluster_id
    found = set[bool]()

    def command(home: Path) -> None:
        recover(settings_of(home), ["1", "3"])

    for step, folder in killed_at_each_step(source, memory_path / "home", command):
        end_what_was_begun(folder, starting=(1, 3) if step % 2 else ())
        found.add(check_old_or_new(folder, old_id))
    assert step > 30, "it was killed at all that it does"
    assert found == {False, True}


def test_putting_data_in_its_place_that_is_killed_at_any_step_goes_on_the_next_time(
    memory_path: Path,
) -> None:
    at_commit, old_id = killed_after_the_commit(memory_path)

    def command(home: Path) -> None:
        settle(home / "clusters" / "demo")

    steps = []
    for step, folder in killed_at_each_step(at_commit, memory_path / "home", command):
        steps.append(step)
        (log,) = logs_of(folder, 3)
        (kept,) = log.stored.snapshots
        assert damage_of(log, kept) is None, "on its way it is not lost"
        settle(folder)
        assert check_old_or_new(folder, old_id)
        before = next((folder / "n3").glob("before-*"))
        assert read_database(before / "raft.db").cluster_id == old_id
        assert (before / REDO).exists()
    assert len(steps) > 15, "it was killed at all that it does"


def killed_after_the_commit(path: Path) -> tuple[Path, str]:
    """A home whose new cluster has its data still aside, and the id that it had."""
    source = path / "source"
    old_id = load_cluster(prepare_loss(source)).cluster_id

    def command(home: Path) -> None:
        recover(settings_of(home), ["1", "3"])

    for _, folder in killed_at_each_step(source, path / "attempt", command):
        if load_cluster(folder).cluster_id != old_id:
            kept = path / "at_commit"
            (path / "attempt").rename(kept)
            return kept, old_id
    raise AssertionError


def test_data_that_nobody_finished_is_removed_and_never_used(memory_path: Path) -> None:
    folder = make(memory_path)
    aside = folder / "n1" / "next-0123456789abcdef"
    shutil.copytree(folder / "n2", aside)
    open_stores(folder, load_cluster(folder), 1).storage.close()
    assert aside.exists(), "a node does not judge what is not its own"
    settle(folder)
    assert not aside.exists()


def test_damaged_snapshot_is_found_before_anything_is_changed(memory_path: Path) -> None:
    folder = prepare_loss(memory_path)
    (path,) = (folder / "n3" / "snapshots").iterdir()
    damage(path)
    error = refusal(memory_path, "n3")
    assert (error.code, error.exit_code) == ("E_DAMAGED", Exit.CHECK_FAILED)


def test_newer_snapshot_that_is_damaged_is_left_out_where_an_older_one_will_do(
    memory_path: Path,
) -> None:
    folder = prepare_loss(memory_path)
    spec = load_cluster(folder)
    newer = snapshot(folder, 3, EntryId(1, 3))
    with closing(DiskStorage(folder / "n3", spec.cluster_id, 3)) as storage:
        storage.save(Ready(1, snapshot=newer))
    damage(folder / "n3" / "snapshots" / f"{3:016}-1.snap")
    recover(settings_of(memory_path), ["n3"])
    (kept,) = read_database(folder / "n3" / "raft.db").stored.snapshots
    assert kept.id.last_entry == EntryId(1, 2)


def cut_off_from(folder: Path) -> Callable[[Path], None]:
    """A `flush_folder` that fails there and nowhere else."""

    def flush(path: Path) -> None:
        if path == folder:
            raise OSError(errno.EIO, "Input/output error", str(path))
        flush_folder(path)

    return flush


def test_no_data_comes_into_its_place_before_the_name_of_the_new_life_is_durable(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power would take the name, and leave an old cluster without its data."""
    at_commit, old_id = killed_after_the_commit(memory_path)
    folder = at_commit / "clusters" / "demo"
    monkeypatch.setattr(renewal, "flush_folder", cut_off_from(folder))
    with pytest.raises(StorageError):
        open_stores(folder, load_cluster(folder), 1)
    with pytest.raises(CliError, match="cannot put the data of n1 in its place"):
        settle(folder)
    for node_id in (1, 3):
        assert read_database(folder / f"n{node_id}" / "raft.db").cluster_id == old_id
    monkeypatch.undo()
    settle(folder)
    assert check_old_or_new(folder, old_id)


def test_flush_that_fails_after_the_name_is_changed_leaves_the_rest_to_the_next_command(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = prepare_loss(memory_path)
    old_id = load_cluster(folder).cluster_id
    monkeypatch.setattr("node.config.flush_folder", cut_off_from(folder))
    with pytest.raises(CliError) as caught:
        recover(settings_of(memory_path), ["1", "3"])
    assert "demo is made anew, and not all of its data is in its place yet" in caught.value.message
    assert caught.value.hint == "raftctl up does the rest"
    assert unsettled(folder) == [1, 3]
    monkeypatch.undo()
    settle(folder)
    assert check_old_or_new(folder, old_id)


def test_new_data_is_kept_when_nobody_can_tell_whose_it_is(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = prepare_loss(memory_path)
    old_id = load_cluster(folder).cluster_id

    def unreadable(_: Path) -> ClusterSpec:
        raise ConfigError("cannot read cluster.json")

    monkeypatch.setattr("node.config.flush_folder", cut_off_from(folder))
    monkeypatch.setattr(renewing, "load_cluster", unreadable)
    with pytest.raises(CliError):
        recover(settings_of(memory_path), ["1", "3"])
    monkeypatch.undo()
    settle(folder)
    assert check_old_or_new(folder, old_id)


def test_error_after_the_stop_says_that_the_cluster_is_stopped_and_how_it_starts(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = prepare_loss(memory_path)
    old_id = load_cluster(folder).cluster_id
    told = [
        (DiskFullError("no space is left"), "E_NO_SPACE", Exit.PRECONDITION),
        (CorruptionError("it is damaged"), "E_DAMAGED", Exit.CHECK_FAILED),
        (OSError(errno.EIO, "Input/output error"), "E_IO", Exit.UNEXPECTED),
        (KeyboardInterrupt(), "E_INTERRUPTED", Exit.INTERRUPTED),
        (SystemExit(143), "E_INTERRUPTED", Exit.TERMINATED),
    ]
    for failure, code, exit_code in told:
        monkeypatch.setattr(renewing, "prepare", failing_with(failure))
        with pytest.raises(CliError) as caught:
            recover(settings_of(memory_path), ["1", "3"])
        assert (caught.value.code, caught.value.exit_code) == (code, exit_code)
        assert "demo is as it was" in caught.value.message
        assert caught.value.message.endswith("; demo is stopped")
        assert caught.value.hint.endswith("raftctl up starts it")
        assert load_cluster(folder).cluster_id == old_id


def test_cluster_that_does_not_stop_is_said_to_be_on_its_way(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_loss(memory_path)
    slow = CliError("E_TIMEOUT", "n1 does not stop", Exit.TIMED_OUT, hint="raftctl kill n1")
    monkeypatch.setattr(shutdown, "take_down", failing_with(slow))
    with pytest.raises(CliError) as caught:
        recover(settings_of(memory_path), ["1", "3"])
    assert caught.value.message == "n1 does not stop; demo is being stopped"
    assert caught.value.hint == "raftctl kill n1; raftctl up starts it"


def test_snapshot_that_rots_while_the_question_stands_is_found_before_the_stop(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = prepare_loss(memory_path)
    (path,) = (folder / "n3" / "snapshots").iterdir()
    monkeypatch.setattr(recovering, "stopped", never)
    monkeypatch.setattr(recovering, "confirm_by_name", lambda *_: damage(path))
    assert refusal(memory_path, "n3").code == "E_DAMAGED"


def test_disk_that_fills_while_the_question_stands_is_found_before_the_stop(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_loss(memory_path)
    monkeypatch.setattr(recovering, "stopped", never)
    monkeypatch.setattr(
        recovering, "confirm_by_name", lambda *_: monkeypatch.setattr(shutil, "disk_usage", full)
    )
    error = refusal(memory_path, "n3")
    assert (error.code, error.exit_code) == ("E_NO_SPACE", Exit.PRECONDITION)


def test_node_that_goes_cannot_start_while_the_cluster_is_made_anew(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would find others of the old cluster, and they might be a majority of it."""
    folder = prepare_loss(memory_path)
    monkeypatch.setattr(ownership, "PID_SECONDS_MAX", 0.01)
    with NodeProcess(folder, 2).hold():
        error = refusal(memory_path, "1", "3")
    assert error.code == "E_RUNNING"
    assert "n2 runs already" in error.message
    assert "without n2 demo is stopped" in error.message


def test_node_that_waited_for_its_data_while_the_cluster_was_made_anew_does_not_come_back(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It knew the old cluster when it began to wait, and might be one of a majority of it."""
    folder = prepare_loss(memory_path)
    claim = PidFile.claim

    def claim_late(file: PidFile) -> int:
        recover(settings_of(memory_path), ["1", "3"])
        return claim(file)

    monkeypatch.setattr(PidFile, "claim", claim_late)
    monkeypatch.setattr(run, "assemble", never)
    assert run_node(folder, 2) == 1
    assert "has no node n2; it has n1, n3" in capsys.readouterr().err


def test_folder_of_a_lost_node_that_cannot_be_used_is_no_obstacle(memory_path: Path) -> None:
    folder = prepare_loss(memory_path)
    (folder / "n2" / "pid").unlink(missing_ok=True)
    (folder / "n2" / "pid").mkdir()
    recover(settings_of(memory_path), ["1", "3"])
    assert [node.id for node in load_cluster(folder).nodes] == [1, 3]


def test_id_that_only_a_log_knows_is_not_given_again(memory_path: Path) -> None:
    """n7 came and went, by a command that knew another cluster.json."""
    folder = make(memory_path)
    added = Configuration(frozenset({1, 2, 3}), frozenset({7}))
    removed = Configuration(frozenset({1, 2, 3}))
    write(folder, 1, terms(1, 1))
    write(folder, 2, [*terms(1, 1), LogEntry(1, added), LogEntry(1, removed)])
    (folder / "n3" / "raft.db").unlink()
    recover(settings_of(memory_path), ["1"])
    assert load_cluster(folder).free_id == 8


# -- with processes --------------------------------------------------------------------------------
@pytest.mark.e2e
def test_b67_survivor_goes_on_alone_and_nodes_with_old_data_do_not_come_back() -> None:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        raftctl.run("transfer", "n3")  # else it may lead a term before n2 is gone
        raftctl.run("put", "a", "1")
        raftctl.run("wait", "converged")
        folder = raftctl.home / "clusters" / "demo"
        refused = raftctl.run("recover", "n3", "-y", check=False)
        assert refused.returncode == Exit.PRECONDITION
        assert "3 of 3, 2 are needed" in refused.stderr
        raftctl.run("kill", "n1", "n2")
        old = raftctl.home / "clusters" / "old"
        shutil.copytree(folder, old)
        unasked = raftctl.run("recover", "n3", check=False)
        assert unasked.returncode == Exit.USAGE
        assert "the data of n1 n2 is whole" in unasked.stderr
        refused = typed(raftctl, "yes", "recover", "n3")
        assert refused.returncode == Exit.USAGE
        assert "nothing done" in refused.stderr
        done = json.loads(typed(raftctl, "demo", "recover", "n3", "-o", "json").stdout)
        assert done["tail"]["count"] == 0, "it knew all of it to be committed while it ran"
        assert violations(done, json_schema("recover")) == []
        assert (done["nodes"], done["gone"], done["log_of"]) == (["n3"], ["n1", "n2"], "n3")
        assert done["former_id"] == load_cluster(old).cluster_id
        raftctl.run("up")
        raftctl.run("put", "b", "2")
        assert raftctl.run("get", "a").stdout == "1\n"
        _check_old_nodes_stay_out(raftctl, folder, old)
        assert raftctl.run("get", "b").stdout == "2\n"
        again = raftctl.run("recover", "n3", "-y", check=False)
        assert (again.returncode, "1 of 1" in again.stderr) == (Exit.PRECONDITION, True)


def _check_old_nodes_stay_out(raftctl: Raftctl, folder: Path, old: Path) -> None:
    """By their place in the cluster, by their data, and by what they say when they connect."""
    spec = load_cluster(folder)
    with pytest.raises(StartError, match="cluster demo has no node n1; it has n3"):
        open_stores(folder, spec, 1)
    shutil.copy(folder / "cluster.json", old / "cluster.json")
    with pytest.raises(CorruptionError, match="not the database of node 3 of this cluster"):
        open_stores(old, spec, 3)
    before = read_database(next((folder / "n3").glob("before-*")) / "raft.db")
    assert before.cluster_id == spec.former_ids[-1]
    _start_with_the_old_settings(raftctl, folder, old)


def _start_with_the_old_settings(raftctl: Raftctl, folder: Path, old: Path) -> None:
    """n1 and n2 as they were, with the old cluster.json, find n3 where it was."""
    spec = load_cluster(folder)
    port = spec.nodes[0].port
    nodes = [NodeAddress(n, "127.0.0.1", port - 3 + n) for n in (1, 2, 3)]
    save_cluster(old, spec._replace(name="old", cluster_id=spec.former_ids[-1], nodes=tuple(nodes)))
    assert read_token(old) == read_token(folder)
    for left in old.glob("n*/pid"):
        left.unlink()
    raftctl.run("start", "1", "2", "-c", "old")
    status = raftctl.document("status", "-c", "demo")
    deadline = time.monotonic() + 10
    with Admin(raftctl.address("demo"), 3) as admin:
        while not admin.status()["counters"].get("wrong_cluster"):
            assert time.monotonic() < deadline, "the old nodes knock, and are refused"
    assert status["leader"] == "n3"
    assert raftctl.run("get", "b", "-c", "demo").stdout == "2\n"
    raftctl.run("kill", "1", "2", "-c", "old")
    raftctl.run("down", "old", "--purge", "-y")
