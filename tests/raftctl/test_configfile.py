"""Cluster files: what is read, and where an error points to."""

from pathlib import Path

import pytest

from node.config import (
    NODES_MAX,
    SNAPSHOT_BYTES_MAX,
    SNAPSHOT_ENTRIES_MAX,
    TIMING_MS_MAX,
    VALUE_BYTES_MAX,
)
from raftctl.cluster.configfile import ClusterConfig, load_config
from raftctl.errors import CliError
from raftctl.exit_codes import Exit


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(text: str, *overrides: str) -> ClusterConfig:
    Path("my.toml").write_text(text)
    return load_config("my.toml", list(overrides))


def refusal(text: str, *overrides: str) -> CliError:
    with pytest.raises(CliError) as caught:
        load(text, *overrides)
    assert (caught.value.code, caught.value.exit_code) == ("E_CONFIG", Exit.USAGE)
    return caught.value


def test_wrong_key_names_its_line_and_the_nearest_right_one(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text("[cluster]\nnodes = 3\n\n[raft]\nheartbeat_m = 50\n")
    with pytest.raises(CliError) as caught:
        load_config(str(path), [])
    assert caught.value.exit_code == Exit.USAGE
    assert f"{path}:5" in caught.value.message
    assert "heartbeat_ms" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[raft]\nheartbeat_ms = 'soon'\n", "my.toml:2"),
        ("[rafts]\n", "raft"),
        ("[raft]\nheartbeat_ms = 500\n", "500 ms"),
        ("nodes = [", "my.toml"),
    ],
)
def test_wrong_values_say_where(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "my.toml"
    path.write_text(text)
    with pytest.raises(CliError) as caught:
        load_config(str(path), [])
    assert says in caught.value.message + caught.value.hint


def test_presets_are_found_by_name_and_settings_win_over_them() -> None:
    loaded = load_config("local5", ["raft.heartbeat_ms=20", "cluster.machine=my.mod:Machine"])
    assert loaded.cluster.nodes == 5
    assert loaded.raft.heartbeat_ms == 20
    assert loaded.cluster.machine == "my.mod:Machine"


@pytest.mark.parametrize(
    "text",
    [
        f"[cluster]\nname = 'a-b_3'\nnodes = {NODES_MAX}\nport_base = 65_000\n",
        "[cluster]\nnodes = 1\nport_base = 0\nmachine = 'my.mod:Machine'\n",
        f"[raft]\nheartbeat_ms = 1\nelection_timeout_ms = {TIMING_MS_MAX}\n",
        "[raft]\nspare_ms = 0\n",
        f"[limits]\nvalue_bytes_max = {VALUE_BYTES_MAX}\nframe_bytes_max = {4 * VALUE_BYTES_MAX}\n",
        "[limits]\nvalue_bytes_max = 1\n",
        f"[snapshots]\nentries = 0\nbytes_max = {SNAPSHOT_BYTES_MAX}\ntail = 0\n",
        f"[snapshots]\nentries = {SNAPSHOT_ENTRIES_MAX}\nbytes_max = 1024\n",
        "[priority]\nn1 = 0\nn3 = 100\n",
    ],
)
def test_values_at_their_bounds_are_taken(text: str) -> None:
    load(text)


@pytest.mark.parametrize(
    ("table", "line"),
    [("cluster", f"name = {name}") for name in ("'../up'", "'-x'", "'é'", f"'{'x' * 65}'")]
    + [("cluster", f"nodes = {nodes}") for nodes in (0, -1, NODES_MAX + 1)]
    + [("cluster", f"port_base = {port}") for port in (-1, 65_001)]
    + [("cluster", f"machine = {name}") for name in ("''", "'mod'", "'mod:'", "'a..b:C'", "'m:1'")]
    + [("raft", f"heartbeat_ms = {ms}") for ms in (0, -5, TIMING_MS_MAX + 1)]
    + [("raft", f"election_timeout_ms = {ms}") for ms in (0, TIMING_MS_MAX + 1)]
    + [("raft", f"spare_ms = {ms}") for ms in (-1, TIMING_MS_MAX + 1)]
    + [("limits", f"value_bytes_max = {size}") for size in (0, VALUE_BYTES_MAX + 1)]
    + [("limits", f"frame_bytes_max = {size}") for size in (0, 4 * VALUE_BYTES_MAX + 1)]
    + [("snapshots", f"entries = {entries}") for entries in (-1, SNAPSHOT_ENTRIES_MAX + 1)]
    + [("snapshots", f"bytes_max = {size}") for size in (0, 1023, SNAPSHOT_BYTES_MAX + 1)]
    + [("priority", f"n2 = {priority}") for priority in (-1, 101)],
)
def test_value_out_of_bounds_is_named_with_its_line(table: str, line: str) -> None:
    error = refusal(f"# mine\n[{table}]\n{line}\n")
    assert error.message.startswith(f"my.toml:3: {table}.{line.partition(' ')[0]} is ")
    assert error.hint


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\nraft.heartbeat_ms = 0\n", 2),
        ('["raft"]\n\n"heartbeat_ms" = 0\n', 3),
        ("[cluster]\nnodes = 3\n\n[raft]\nheartbeat_ms = 0\n", 5),
        ("raft = { pre_vote = true, heartbeat_ms = 0 }\n", 1),
        ("\nraft.heartbeat = 5\n", 2),
        ("\n\nraft = 5\n", 3),
        ("[cluster]\n[rafts]\n", 2),
        ("\nrafts.heartbeat_ms = 5\n", 2),
        # Two that do not fit together: the line of the one that is written.
        ("[raft]\n\nheartbeat_ms = 500\n", 3),
        ("[limits]\nvalue_bytes_max = 8_000_000\n", 2),
    ],
)
def test_line_is_found_however_the_key_is_written(text: str, line: int) -> None:
    assert refusal(text).message.startswith(f"my.toml:{line}: ")


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("raft.heartbeat_ms=0", ""),
        ("raft.heartbeat_ms=0", "[raft]\nheartbeat_ms = 10\n"),
        ("raft.heartbeat_m=10", "[raft]\nheartbeat_ms = 10\n"),
        ("raft.heartbeat_ms=soon", "[raft]\nheartbeat_ms = 10\n"),
        ("raft.heartbeat_ms=500", "[raft]\nelection_timeout_ms = 150\n"),
        ("rafts.heartbeat_ms=10", ""),
        ("cluster.nodes=0", "[cluster]\nnodes = 3\n"),
    ],
)
def test_error_of_an_override_names_the_override(override: str, text: str) -> None:
    assert refusal(text, override).message.startswith(f"--set {override}: ")
    with pytest.raises(CliError) as caught:
        load_config(None, ["raft.pre_vote=true", override])
    assert caught.value.message.startswith(f"--set {override}: ")


def test_override_inside_of_what_is_no_table_tells_of_the_file() -> None:
    assert refusal("raft = 5\n", "raft.heartbeat_ms=1").message.startswith("my.toml:1: raft has")


@pytest.mark.parametrize("override", ["raft", "raft=1", "raft.x", "=", "."])
def test_override_of_no_form_is_refused(override: str) -> None:
    assert refusal("", override).message.startswith(f"--set {override}: not of the form")


def test_numbers_that_no_parser_takes_are_refused() -> None:
    assert refusal(f"[cluster]\nnodes = {'9' * 5000}\n").message.startswith("my.toml: ")
    assert "whole number" in refusal("", f"cluster.nodes={'9' * 5000}").message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("n4 = 50", "unknown key priority.n4"),
        ("leader = 50", "unknown key priority.leader"),
        ("n1 = 'low'", "priority.n1 has to be a whole number"),
        ("n1 = true", "priority.n1 has to be a whole number"),
    ],
)
def test_priorities_are_of_nodes_that_there_are(text: str, says: str) -> None:
    error = refusal(f"[priority]\n{text}\n")
    assert error.message.startswith("my.toml:2: ")
    assert says in error.message


def test_snapshot_settings_and_priorities_are_read_and_set() -> None:
    loaded = load("[snapshots]\nentries = 5\n", "priority.n3=10", "snapshots.tail=7")
    assert (loaded.snapshots.entries, loaded.snapshots.tail) == (5, 7)
    assert loaded.priority == {"n3": 10}
    assert loaded.given == {"snapshots", "priority"}
    assert "did you mean bytes_max?" in refusal("[snapshots]\nbytes-max = 5\n").hint


def test_recording_is_on_unless_it_is_set_to_0_and_holds_a_mib_at_least() -> None:
    assert load("").recording.bytes_max == 64 * 1024 * 1024
    assert load("[recording]\nbytes_max = 0\n").recording.bytes_max == 0
    assert load("", "recording.bytes_max=1048576").recording.bytes_max == 1024 * 1024
    refused = refusal("[recording]\nbytes_max = 5\n")
    assert refused.message == "my.toml:2: recording.bytes_max is 5"
    assert refused.hint.startswith("it has to be 0, or from 1048576")
