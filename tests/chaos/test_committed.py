"""What a log says of commands whose clients were not answered, and where it says nothing."""

import json
from collections import Counter
from pathlib import Path

import pytest

from node.machines import kv
from node.raft.configuration import Configuration
from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.wire.envelope import Header, seal
from raftctl.chaos.committed import Committed, committed_before, effects_in, write_committed
from raftctl.chaos.folders import RunFolder
from raftctl.chaos.presets import find_scenario
from raftctl.chaos.simulated import run_sim
from raftctl.chaos.telling import Lines
from raftctl.checking import check_operations
from raftctl.checking.files import find_source, load_committed, load_history
from raftctl.cluster.directory import find_cluster
from raftctl.settings import Settings
from tests.raftctl.folders import append, make, settings_of, write

MARK = kv.put("mark", b"end")
CLIENT = 7


def asked(sequence: int, payload: bytes, acked_below: int = 0, client: int = CLIENT) -> LogEntry:
    return LogEntry(1, seal(Header(client, sequence, acked_below, 0), payload))


def test_commands_that_took_effect_are_those_of_which_a_machine_did_something() -> None:
    log = [
        LogEntry(1, None),
        LogEntry(1, Configuration(frozenset({1}))),
        asked(1, kv.put("k", b"a")),
        asked(2, kv.cas("k", b"b", b"c")),  # it found something else
        asked(3, kv.cas("k", b"a", b"c")),
        asked(1, kv.put("k", b"a")),  # sent again
        asked(4, b"no command"),
        asked(5, kv.delete("k"), acked_below=5),
        asked(3, kv.put("k", b"late")),  # its client has the answer
        LogEntry(1, b"short"),
        asked(5, kv.put("k", b"d"), client=8),
    ]
    assert effects_in(log) == {(7, 1): 3, (7, 3): 5, (7, 5): 8, (8, 5): 11}


# -- a cluster's logs ------------------------------------------------------------------------------
def before(home: Path, index: int) -> Committed:
    return committed_before(find_cluster(settings_of(home)), index, MARK)


def test_log_of_a_node_that_has_all_of_it_decides(tmp_path: Path) -> None:
    folder = make(tmp_path)
    entries = [asked(1, kv.put("a", b"1")), asked(2, kv.put("b", b"2")), asked(1, MARK, client=9)]
    write(folder, 1, entries[:2])  # it lacks the end
    write(folder, 2, entries)
    append(folder, 2, asked(3, kv.put("later", b"3")))
    assert before(tmp_path, 3).commands == {(7, 1): 1, (7, 2): 2, (9, 1): 3}


def test_log_that_begins_behind_a_snapshot_or_ends_with_something_else_decides_nothing(
    tmp_path: Path,
) -> None:
    folder = make(tmp_path)
    write(folder, 1, [asked(1, MARK, client=9)], base=EntryId(1, 2))
    write(folder, 2, [asked(number, kv.put("a", b"1")) for number in (1, 2, 3)])
    found = before(tmp_path, 3)
    assert found.commands is None
    assert "snapshots stand for its beginning" in found.why_not
    append(folder, 2, asked(2, MARK, client=9))
    assert before(tmp_path, 3).commands is None
    assert before(tmp_path, 4).commands is not None


def test_log_that_is_very_long_is_not_read(tmp_path: Path) -> None:
    make(tmp_path)
    assert "more than 200,000 entries" in before(tmp_path, 200_001).why_not


def test_file_is_written_as_the_checker_reads_it_or_not_at_all(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    write_committed(folder, Committed(why_not="nobody answers"))
    assert not folder.committed.exists()
    commands = {(2**64 - 1, 3): 17, (7, 1): 1}
    write_committed(folder, Committed(commands))
    assert load_committed(folder.committed) == commands


# -- a simulated run -------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_of(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def folder(settings: Settings) -> RunFolder:
    """Of a run in which clients did not learn what came of many commands."""
    changes = [
        "workload.timeout=300ms", "workload.kind=register", "workload.mix={write=70, read=30}",
        "expect={}", "sim={client_loss=0.15}",
    ]  # fmt: skip
    run = run_sim(
        settings, find_scenario("leader-in-minority", changes), "again", Lines(settings.output)
    )
    assert run.verdict == "ok", run.text
    return RunFolder(Path(run.folder))


def test_outcomes_that_clients_do_not_know_are_taken_from_the_log(
    settings: Settings, folder: RunFolder
) -> None:
    source = find_source("latest", settings)
    assert source.committed == folder.committed
    history, committed = load_history(source.history), load_committed(folder.committed)
    checked = check_operations(history, committed=committed)
    assert checked.verdict == "ok"
    resolved = sum(key.resolved for key in checked.keys)
    assert resolved >= 20
    has = Counter(command in committed for command in history.commands.values())
    assert has[True]
    assert has[False]
    check = json.loads(folder.result.read_text())["checks"]
    (text,) = [each["text"] for each in check if each["name"] == "linearizable"]
    assert f"{resolved} of them told by the log" in text


def test_nothing_that_was_seen_is_said_to_have_had_no_effect(folder: RunFolder) -> None:
    committed = load_committed(folder.committed)
    lines = [json.loads(line) for line in folder.history.read_text().splitlines()[1:]]
    seen = {
        (line["key"], line["value"])
        for line in lines
        if (line["type"], line["f"]) == ("ok", "read") and line["value"] is not None
    }
    unknown = [line for line in lines if line["type"] == "info" and line["f"] == "write"]
    assert all("client" in line for line in unknown)
    witnessed = [line for line in unknown if (line["key"], line["value"]) in seen]
    assert witnessed
    assert all((line["client"], line["sequence"]) in committed for line in witnessed)
