"""raftctl runs, and events of a recording: on files of this test's own, without a cluster."""

import json
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from node.wire.codec import encode
from node.wire.messages import Bulk, Changed, Frame, Happened, Keyframe, Recording
from node.wire.recording import FORMAT, RecordingError, checked_frame, read_recording
from raftctl.cluster.eventstream import Item
from raftctl.cluster.processes import NodeProcess
from raftctl.cluster.recordings import Run, find_run
from raftctl.cluster.runsaving import FOREVER_NS, between, save
from raftctl.commands.runs import removed_text
from raftctl.errors import CliError
from raftctl.eventdocs import RunRm
from raftctl.schemas import json_schema
from tests.measure.commands import Raftctl
from tests.raftctl.folders import make, settings_of
from tests.raftctl.schema import violations

SECOND = 10**9
BEGAN = 1_764_000_000 * SECOND
"""2025-11-24T16:00:00Z"""


def stream(node: int, seconds: Iterable[int], boot: int = 7) -> list[Frame]:
    """A status, and each second a change, an event and an entry; times as on one machine."""
    frames: list[Frame] = []
    seq = 0
    for number, second in enumerate(seconds):
        at = (second * SECOND + node, BEGAN + second * SECOND + node)
        if not number:
            frames.append(Keyframe(node, boot, 0, *at, {"term": 1, "second": second}))
        frames += [
            Changed(node, boot, seq + 1, *at, {"second": second, "term": 1 + second}),
            Happened(node, boot, seq + 2, *at, "vote", 1 + second, {"candidate": "n1"}),
            Bulk(node, boot, seq + 3, *at, second + 1, second + 1, 100, []),
        ]
        seq += 3
    return frames


def recording(node: int, frames: list[Frame]) -> bytes:
    first = frames[0]
    head = Recording(FORMAT, "demo", node, first.boot, first.wall_ns, first.mono_ns)
    return b"".join(checked_frame(encode(each)) for each in [head, *frames])


@pytest.fixture
def home(tmp_path: Path) -> Raftctl:
    """A home with a saved recording of each of two nodes."""
    raftctl = Raftctl(tmp_path / "home")
    raftctl.folder = tmp_path
    folder = raftctl.home / "runs"
    folder.mkdir(parents=True)
    for node in (1, 2):
        path = folder / f"one{node}.frames"
        path.write_bytes(recording(node, stream(node, range(10))))
        os.utime(path, (node, node))
    return raftctl


def document(raftctl: Raftctl, kind: str, *words: str, code: int = 0) -> dict[str, Any]:
    done = raftctl.run(*words, "-o", "json", check=False)
    assert done.returncode == code, done.stderr
    found: dict[str, Any] = json.loads(
        done.stdout if kind != "error" else done.stderr.splitlines()[-1]
    )
    assert violations(found, json_schema(kind)) == []
    return found


def test_ls_shows_the_newest_first_and_what_cannot_be_read(home: Raftctl) -> None:
    bad = home.home / "runs" / "bad.frames"
    bad.write_bytes(b"GIF89a")
    os.utime(bad, (3, 3))
    rows = document(home, "runs", "runs", "ls")["runs"]
    assert [row["name"] for row in rows] == ["bad", "one2", "one1"]
    assert rows[0]["damage"].endswith("it is no recording")
    assert rows[1]["nodes"] == ["n2"]
    assert rows[1]["started"] == "2025-11-24T16:00:00.000Z"
    assert rows[1]["kind"] == "saved"
    shown = home.run("runs", "ls").stdout
    assert "PROBLEM" in shown
    bad.unlink()
    assert "PROBLEM" not in home.run("runs", "ls").stdout


def chaos_run(home: Path, name: str, seconds: int) -> Path:
    """The folder of one, with a recording that was written then."""
    folder = home / "runs" / name
    folder.mkdir(parents=True)
    (folder / "result.json").write_text("{}")
    path = folder / "recording.frames"
    path.write_bytes(recording(1, stream(1, range(seconds))))
    os.utime(path, (seconds, seconds))
    return folder


def test_chaos_runs_are_among_the_recordings_by_name_scenario_and_folder(home: Raftctl) -> None:
    names = [f"20261128T0{number}0000-my-cut-7" for number in (1, 2)]
    folders = [chaos_run(home.home, name, 20 + n) for n, name in enumerate(names)]
    (home.home / "runs" / "20261128T030000-broke-off-1").mkdir()
    rows = document(home, "runs", "runs", "ls")["runs"]
    assert [(row["name"], row["kind"]) for row in rows] == [
        (names[1], "chaos"), (names[0], "chaos"), ("one2", "saved"), ("one1", "saved"),
    ]  # fmt: skip
    settings = settings_of(home.home)
    for word, at in (("latest", 1), ("my-cut", 1), (names[0], 0), (str(folders[0]), 0)):
        assert find_run(settings, word).path.samefile(folders[at])
    assert document(home, "run-show", "runs", "show", names[0])["frames"] == 61
    part = home.home / "part.frames"
    words = ("runs", "export", names[0], str(part), "--from", "+5s", "--to", "+9s")
    assert document(home, "run-export", *words)["nodes"] == ["n1"]


def test_removing_a_chaos_run_removes_its_folder_and_asks(home: Raftctl) -> None:
    name = "20261128T010000-my-cut-7"
    folder = chaos_run(home.home, name, 20)
    latest = home.home / "runs" / "latest"
    latest.symlink_to(name)
    assert home.run("runs", "rm", name, check=False).returncode == 2
    assert folder.is_dir()
    gone = document(home, "run-rm", "runs", "rm", name, "-y")
    assert (gone["removed"], gone["kept"]) == (2, [])
    assert not folder.exists()
    assert not latest.is_symlink()
    assert (home.home / "runs" / "one1.frames").is_file()


def test_ls_of_a_home_without_recordings_says_so(tmp_path: Path) -> None:
    raftctl = Raftctl(tmp_path / "home")
    assert raftctl.run("runs", "ls").stdout == "there are no recordings\n"
    assert document(raftctl, "runs", "runs", "ls")["runs"] == []


def test_show_counts_by_node(home: Raftctl) -> None:
    shown = document(home, "run-show", "runs", "show", "one1")
    assert (shown["run"], shown["cluster"], shown["frames"]) == ("one1", "demo", 31)
    assert shown["duration_ms"] == 9000
    (node,) = shown["nodes"]
    assert (node["node"], node["boots"], node["events"], node["gaps"]) == ("n1", 1, 10, 0)
    assert (node["term"], node["applied"]) == (10, 10)
    assert document(home, "run-show", "runs", "show", "latest")["run"] == "one2"
    path = str(home.home / "runs" / "one1.frames")
    assert document(home, "run-show", "runs", "show", path)["frames"] == 31


def test_show_obeys_no_name_of_a_cluster(home: Raftctl) -> None:
    frames = stream(1, range(2))
    head = Recording(FORMAT, "de\x1b[2Jmo", 1, 7, frames[0].wall_ns, frames[0].mono_ns)
    path = home.home / "runs" / "odd.frames"
    path.write_bytes(b"".join(checked_frame(encode(each)) for each in [head, *frames]))
    shown = home.run("runs", "show", "odd").stdout
    assert "\x1b" not in shown
    assert "cluster de\\x1b[2Jmo" in shown


def test_events_of_a_recording_are_those_that_the_nodes_told(home: Raftctl) -> None:
    done = home.run("events", "--run", "one1", "-o", "jsonl")
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(violations(each, json_schema("event")) == [] for each in shown)
    assert [each["term"] for each in shown] == list(range(1, 11))
    assert {each["kind"] for each in shown} == {"vote"}
    everything = home.run("events", "--run", "one1", "--all", "-o", "jsonl").stdout.splitlines()
    assert len(everything) == 31
    assert home.run("events", "--run", "one1", "--node", "n2").stdout == ""
    plain = home.run("events", "--run", "one1", "--plain").stdout.splitlines()[0]
    assert plain == "16:00:00, n1 vote, term 1, candidate n1"


def test_hole_in_a_recording_is_shown(home: Raftctl) -> None:
    frames = stream(3, range(4))
    del frames[4:7]
    (home.home / "runs" / "hole.frames").write_bytes(recording(3, frames))
    lines = home.run("events", "--run", "hole").stdout.splitlines()
    gaps = [line for line in lines if " gap " in line]
    assert len(gaps) == 1
    assert "first 4  last 6  why they did not arrive" in gaps[0]
    assert document(home, "run-show", "runs", "show", "hole")["nodes"][0]["gaps"] == 3


def test_export_cuts_out_a_part_that_begins_with_the_status(home: Raftctl) -> None:
    target = home.home / "part.frames"
    words = ["runs", "export", "one1", str(target), "--from", "+3s", "--to", "+5s"]
    told = document(home, "run-export", *words)
    assert (told["frames"], told["nodes"]) == (10, ["n1"])
    assert target.stat().st_mode & 0o777 == 0o600
    with target.open("rb") as file:
        head, first, *rest = read_recording(file)
    assert isinstance(head, Recording)
    assert (head.node_id, head.cluster) == (0, "demo")
    assert isinstance(first, Keyframe)
    assert first.status == {"term": 3, "second": 2}, "what changed before is in it"
    assert first.seq == 9
    assert [frame.seq for frame in rest if not isinstance(frame, Recording)] == list(range(10, 19))
    again = document(home, "error", *words, code=6)
    assert again["code"] == "E_EXISTS"
    by_time = ["--from", "2025-11-24T16:00:03Z", "--to", "2025-11-24T16:00:05.5"]
    other = document(home, "run-export", "runs", "export", "one1", "other.frames", *by_time)
    assert other["frames"] == 10


def test_export_of_a_node_that_had_ended_says_how_old_its_status_is(home: Raftctl) -> None:
    source = home.home / "runs" / "both.frames"
    ended, lives = stream(2, range(3)), stream(1, range(10))
    frames = sorted([*ended, *lives], key=lambda frame: frame.mono_ns)
    source.write_bytes(recording(0, frames))
    target = home.home / "part.frames"
    save(Run("both", "saved", source, [source]), target, BEGAN + 7 * SECOND, FOREVER_NS)
    with target.open("rb") as file:
        head, *frames_read = read_recording(file)
    assert isinstance(head, Recording)
    assert head.wall_ns == BEGAN + 7 * SECOND + 1, "it begins where the part does"
    told = [
        (frame.id, frame.mono_ns // SECOND)
        for frame in frames_read[:2]
        if isinstance(frame, Keyframe)
    ]
    assert told == [(2, 2), (1, 6)]
    shown = document(home, "run-show", "runs", "show", str(target))
    assert shown["started"] == "2025-11-24T16:00:07.000Z"
    assert shown["duration_ms"] == 1999 + 1


def test_export_keeps_ages_when_the_machine_was_booted_in_between(home: Raftctl) -> None:
    ended = stream(2, range(3))
    lives = [frame._replace(mono_ns=frame.mono_ns - 5 * SECOND) for frame in stream(1, range(6, 9))]
    items = (Item(frame.id, frame, 1) for frame in [*ended, *lives])
    head, first, *_ = between(items, "demo", BEGAN + 6 * SECOND, FOREVER_NS)
    assert isinstance(head, Recording)
    assert isinstance(first, Keyframe)
    assert (first.id, head.mono_ns - first.mono_ns) == (2, head.mono_ns), "as old as can be told"


def test_export_writes_into_no_file_that_was_there(home: Raftctl, tmp_path: Path) -> None:
    """Whoever else may write in that folder would have it follow a link."""
    source = home.home / "runs" / "one1.frames"
    victim = tmp_path / "victim"
    victim.write_text("whole")
    target = tmp_path / "part.frames"
    (tmp_path / f".part.frames.{os.getpid()}").symlink_to(victim)
    save(Run("one1", "saved", source, [source]), target, 0, FOREVER_NS)
    assert victim.read_text() == "whole"
    assert target.stat().st_mode & 0o777 == 0o600
    assert not target.is_symlink()


def test_export_without_a_file_is_saved_with_the_others(home: Raftctl) -> None:
    told = document(home, "run-export", "runs", "export", "one1")
    path = Path(told["file"])
    assert path.parent == home.home / "runs"
    assert path.stem in home.run("runs", "ls").stdout


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["show", "none"], 9, "E_NO_RUN"),
        (["export", "one1", "x", "--from", "+1h"], 9, "E_NO_FRAMES"),
        (["export", "one1", "x", "--from", "+5s", "--to", "+2s"], 2, "E_USAGE"),
        (["export", "one1", "x", "--from", "yesterday"], 2, "E_USAGE"),
        (["rm", "one1"], 2, "E_CONFIRM"),
        (["rm", "./file.frames", "-y"], 2, "E_USAGE"),
        (["show", "other.frames"], 7, "E_RECORDING"),
    ],
)
def test_what_cannot_be_done_says_why(
    home: Raftctl, tmp_path: Path, words: list[str], code: int, error: str
) -> None:
    (tmp_path / "file.frames").write_bytes(recording(1, stream(1, range(2))))
    other = checked_frame(encode(Recording(FORMAT + 1, "demo", 1, 7, 1, 1)))
    (tmp_path / "other.frames").write_bytes(other)
    told = document(home, "error", "runs", *words, code=code)
    assert told["code"] == error
    assert told["hint"]


def test_events_of_a_recording_cannot_be_followed(home: Raftctl) -> None:
    told = document(home, "error", "events", "--run", "one1", "-f", code=2)
    assert told["code"] == "E_USAGE"


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        ("leaders", "did you mean leader? there are boot, "),
        ("nonsense", "there are boot, stop, "),
    ],
)
def test_a_kind_that_no_event_is_of_is_refused(home: Raftctl, kind: str, hint: str) -> None:
    given = ("--run", "one1", "--kind", "vote", "--kind", kind)
    told = document(home, "error", "events", *given, code=2)
    assert (told["code"], told["message"]) == ("E_USAGE", f"no event is a {kind!r}")
    assert told["hint"].startswith(hint)
    assert told["hint"].endswith(", gap")


def test_damage_is_told_and_what_is_in_front_of_it_is_shown(home: Raftctl) -> None:
    path = home.home / "runs" / "one1.frames"
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    cut = home.run("events", "--run", "one1")
    assert "ends inside a frame" in cut.stderr
    assert len(cut.stdout.splitlines()) == 10
    place = whole.rindex(b"candidate")  # in the last event, the tenth
    path.write_bytes(whole[:place] + b"C" + whole[place + 1 :])
    rotten = home.run("events", "--run", "one1", check=False)
    assert rotten.returncode == 8
    with path.open("rb") as file, pytest.raises(RecordingError) as damage:
        list(read_recording(file))
    told = f"is damaged at byte {damage.value.at_byte}; what comes before was read"
    assert told in rotten.stderr
    assert len(rotten.stdout.splitlines()) == 9
    shown = document(home, "run-show", "runs", "show", "one1", code=8)
    assert len(shown["damages"]) == 1


@pytest.fixture
def live(home: Raftctl) -> Iterator[Path]:
    """The recording of a node that runs, with its end missing; the whole of it lies beside it."""
    folder = make(home.home)
    flight = folder / "n1" / "flight"
    flight.mkdir(parents=True, exist_ok=True)
    path, whole = flight / "1-0001.frames", recording(1, stream(1, range(10)))
    path.write_bytes(whole[:-5])
    path.with_suffix(".rest").write_bytes(whole[-5:])
    with NodeProcess(folder, 1).hold():
        yield path


def test_a_frame_that_is_being_written_is_waited_for(
    live: Path, home: Raftctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_on(seconds: float) -> None:
        with live.open("ab") as file:
            file.write(live.with_suffix(".rest").read_bytes())

    monkeypatch.setattr("raftctl.cluster.recordings.time.sleep", write_on)
    run = find_run(settings_of(home.home), "demo")
    assert list(run.frames()) == stream(1, range(10))
    assert run.damages == []


def test_what_a_node_that_runs_leaves_unfinished_is_told(live: Path, home: Raftctl) -> None:
    run = find_run(settings_of(home.home), "demo")
    assert list(run.frames()) == stream(1, range(10))[:-1]
    assert "it ends inside a frame" in run.problem
    assert run.problem.startswith(str(live))


def test_an_end_of_a_node_that_is_gone_is_not_waited_for(
    home: Raftctl, live: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("raftctl.cluster.recordings.time.sleep", pytest.fail)
    newer = live.with_name("2-0001.frames")
    newer.write_bytes(recording(1, stream(1, range(20, 30))))
    os.utime(live, (1, 1))
    run = find_run(settings_of(home.home), "demo")
    assert len(list(run.frames())) == len(stream(1, range(10))) + len(stream(1, range(10))) - 1
    assert "it ends inside a frame" in run.problem


def test_a_length_that_rotted_in_a_live_recording_is_damage(live: Path, home: Raftctl) -> None:
    with live.open("rb") as file:
        sizes = [len(checked_frame(encode(each))) for each in islice(read_recording(file), 4)]
    rotten = bytearray(live.read_bytes())
    rotten[sum(sizes) + 1] ^= 1
    live.write_bytes(bytes(rotten))
    shown = home.run("runs", "show", "demo", check=False)
    assert shown.returncode == 8
    assert f"it is damaged at byte {sum(sizes)}; what comes before was read" in shown.stderr


def test_a_file_in_the_current_folder_may_be_cut_and_may_be_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cut.frames").write_bytes(recording(1, stream(1, range(10)))[:-3])
    Path("empty.frames").touch()
    cut = find_run(settings_of(tmp_path), "cut.frames")
    assert len(list(cut.frames())) == 30
    assert [damage.is_cut for damage in cut.damages] == [True]
    with pytest.raises(CliError, match=r"empty\.frames"):
        find_run(settings_of(tmp_path), "empty.frames").heads()


def test_rm_removes_a_saved_one(home: Raftctl) -> None:
    told = document(home, "run-rm", "runs", "rm", "one1", "-y")
    assert (told["removed"], told["kept"]) == (1, [])
    assert told["freed_bytes"] > 1000
    assert [row["name"] for row in document(home, "runs", "runs", "ls")["runs"]] == ["one2"]


def test_one_file_is_one() -> None:
    one, two = RunRm("demo", 1, 10, ["a"]), RunRm("demo", 2, 10, ["a", "b"])
    assert removed_text(one).startswith("removed 1 file of demo, ")
    assert removed_text(one).endswith("; 1 is being written")
    assert removed_text(two).startswith("removed 2 files of demo, ")
    assert removed_text(two).endswith("; 2 are being written")
    assert "written" not in removed_text(RunRm("demo", 2, 10, []))


def test_rm_of_a_name_that_two_recordings_have_is_refused(home: Raftctl, tmp_path: Path) -> None:
    folder = make(home.home)
    flight = folder / "n1" / "flight"
    flight.mkdir(parents=True, exist_ok=True)
    live, saved = flight / "1-0001.frames", home.home / "runs" / "demo.frames"
    for path in (live, saved):
        path.write_bytes(recording(1, stream(1, range(2))))
    told = document(home, "error", "runs", "rm", "demo", "-y", code=2)
    assert str(folder) in told["message"]
    assert str(saved) in told["message"]
    assert live.exists()
    assert saved.exists()


def test_sim_replay_writes_one_that_runs_reads(home: Raftctl, tmp_path: Path) -> None:
    (tmp_path / "seven.frames").write_bytes(b"what was there before")
    (tmp_path / "seven.frames").chmod(0o644)
    home.run("sim", "replay", "7", "--record", "seven.frames", "-o", "json")
    assert (tmp_path / "seven.frames").stat().st_mode & 0o777 == 0o600
    shown = document(home, "run-show", "runs", "show", "seven.frames")
    assert shown["cluster"] == "seed-7"
    assert {"-", "n1", "n2", "n3"} <= {node["node"] for node in shown["nodes"]}
    leaders = home.run("events", "--run", "seven.frames", "--kind", "leader").stdout
    assert leaders.startswith("00:00:00.281  n3   leader    term 1  votes n1,n3")


def test_what_was_simulated_has_no_date(home: Raftctl) -> None:
    file = home.home / "runs" / "seven.frames"
    home.run("sim", "replay", "7", "--record", str(file), "-o", "json")
    part = home.home / "runs" / "part.frames"
    home.run("runs", "export", "seven", str(part), "--from", "+1s")
    for path in (file, part):
        os.utime(path, (0, 0))
        rows = document(home, "runs", "runs", "ls")["runs"]
        assert [row["name"] for row in rows[-3:]] == ["one2", "one1", path.stem], "as written"
        assert (rows[-1]["started"], rows[-1]["simulated"]) == (None, True)
        assert (rows[-2]["started"] is None, rows[-2]["simulated"]) == (False, False)
        listed, shown = (home.run("runs", *words).stdout for words in (["ls"], ["show", path.stem]))
        assert next(row for row in listed.splitlines() if path.stem in row).count("simulated") == 1
        assert "s simulated" in shown.splitlines()[0]
        assert "1970" not in shown
        os.utime(path)
