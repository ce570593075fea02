"""What `raftctl tui` hands to the viewer: home, cluster, recording and screen."""

import asyncio
import gc
import json
import shutil
from pathlib import Path

import pytest
import typer

from node.config import Limits, RaftSettings
from node.nodefaults import NodeRule
from node.wire.codec import encode
from node.wire.messages import Recording
from node.wire.recording import FORMAT, checked_frame
from raftctl.cli import app
from raftctl.cluster.directory import find_cluster
from raftctl.cluster.making import Plan, make_cluster
from raftctl.cluster.recordings import find_run
from raftctl.cluster.viewing import ViewedCluster, cluster_of, recorded, words_for
from raftctl.commands import tui
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings, make_settings
from tests.raftctl.test_runs import stream
from tui.app import RaftApp
from tui.nodes import Process
from tui.replay import FilmError
from tui.runner import as_typed


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with spaces in its name, and nothing else from anywhere."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    for name in ("RAFTCTL_HOME", "RAFTCTL_CLUSTER", "NO_COLOR", "TEXTUAL_DRIVER"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "a home"


def settings(home: Path, *flags: str) -> Settings:
    return make_settings(
        "demo", None, None, home, quiet=False, verbose=False, no_color="--no-color" in flags,
        ascii_only="--ascii" in flags, yes=False,
    )  # fmt: skip


def save(home: Path, name: str = "old") -> Path:
    """A recording of a cluster demo."""
    path = home / "runs" / f"{name}.frames"
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = stream(1, range(3))
    head = Recording(FORMAT, "demo", 1, frames[0].boot, frames[0].wall_ns, frames[0].mono_ns)
    path.write_bytes(b"".join(checked_frame(encode(each)) for each in [head, *frames]))
    return path


def test_the_line_that_is_echoed_can_be_pasted(folder: Path) -> None:
    viewer = tui._app(settings(folder), typer.main.get_command(app), None, False)
    typed = as_typed(viewer.line, ("kill", "n2"))
    assert typed == f"raftctl --home '{folder}' -c demo kill n2"


def test_the_line_names_a_cluster_that_may_not_stay_the_only_one(folder: Path) -> None:
    make(folder, "two")
    viewer = tui._app(unnamed(folder), typer.main.get_command(app), None, False)
    assert as_typed(viewer.line, ("kill", "n2")).endswith(" -c two kill n2")


def make(home: Path, name: str) -> None:
    """A cluster that does not run."""
    ports = [20_101, 20_102, 20_103]
    make_cluster(Plan(name, home / "clusters" / name, ports, "kv", RaftSettings(), Limits()))


def unnamed(home: Path) -> Settings:
    given = settings(home)
    given.cluster = None
    return given


def found(source: ViewedCluster) -> tuple[str, bool]:
    """Its name, and whether it is there."""
    is_there = source.address is not None
    return source.name, is_there


def test_the_first_cluster_to_come_up_is_shown_and_stays(folder: Path) -> None:
    source = ViewedCluster(unnamed(folder))
    assert found(source) == ("", False)
    make(folder, "lab")
    assert found(source) == ("lab", True)
    make(folder, "demo")
    assert found(source) == ("lab", True)
    shutil.rmtree(folder / "clusters" / "lab")
    assert found(source) == ("lab", False), "it waits for that one"


def test_of_a_node_that_its_disk_ended_the_viewer_learns_what_status_says(folder: Path) -> None:
    make(folder, "demo")
    source = ViewedCluster(settings(folder))
    made = folder / "clusters" / "demo"
    process = next(iter(find_cluster(settings(folder)).processes.values()))
    process.log_path.parent.mkdir(parents=True, exist_ok=True)
    process.log_path.write_text(
        "2026-01-01T00:00:00.000Z error stopped: the disk failed node=n1 why=EIO\n"
    )
    rule = NodeRule(11, 1, "fail").to_map()
    rules = {"next_id": 12, "faults": [], "rules": [], "node_rules": [rule]}
    (made / "faults.json").write_text(json.dumps(rules))
    ended = source.processes()
    assert (ended[1].ending, ended[1].fault) == ("stopped: the disk failed", 11)
    assert (ended[2].ending, ended[2].fault) == ("ended by itself", None)
    process.note_end("stopped")
    assert source.processes()[1] == Process(
        "exited", None, "stopped", source.processes()[1].ended_at
    )


@pytest.mark.parametrize(("names", "shown"), [(["a", "b"], ""), (["a", "demo"], "demo")])
def test_of_several_that_come_up_at_once_it_is_the_usual_one(
    folder: Path, names: list[str], shown: str
) -> None:
    source = ViewedCluster(unnamed(folder))
    for name in names:
        make(folder, name)
    assert found(source) == (shown, bool(shown))
    assert source.unclear == ("" if shown else "which cluster? There are a, b: -c a")


def test_a_cluster_that_was_named_is_waited_for_alone(folder: Path) -> None:
    source = ViewedCluster(settings(folder))
    make(folder, "lab")
    assert found(source) == ("demo", False)


def test_a_browser_gets_the_screen_that_was_asked_for(folder: Path) -> None:
    plain = tui._command(settings(folder), True)
    assert plain[-2:] == ["tui", "--read-only"]
    assert not {"--ascii", "--no-color"} & set(plain)
    asked = tui._command(settings(folder, "--ascii", "--no-color"), False)
    assert asked[-3:] == ["--ascii", "--no-color", "tui"]


def test_a_recording_is_called_as_the_command_line_calls_it(folder: Path) -> None:
    path = save(folder)
    assert words_for(settings(folder), find_run(settings(folder), "latest")) == "old"
    other = folder.parent / "runs" / "other.frames"
    other.parent.mkdir()
    other.write_bytes(path.read_bytes())
    run = find_run(settings(folder), str(other))
    assert words_for(settings(folder), run) == str(other)
    assert cluster_of(settings(folder), run) is None
    made = folder / "clusters" / "demo"
    made.mkdir(parents=True)
    (made / "cluster.json").write_text("{}")
    assert cluster_of(settings(folder), run) == "demo"


def test_a_recording_opens_later_or_says_why_not(folder: Path) -> None:
    save(folder)
    film, _ = recorded(settings(folder), "old").load()
    assert len(film) == len(stream(1, range(3)))
    with pytest.raises(FilmError, match="there is no recording 'new'"):
        recorded(settings(folder), "new").load()


def test_what_is_loaded_is_not_looked_through_for_garbage(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_out: list[int] = []
    monkeypatch.setattr(RaftApp, "run", lambda _: left_out.append(gc.get_freeze_count()))
    loaded = len(gc.get_objects())
    try:
        tui.view(settings(folder), typer.main.get_command(app))
    finally:
        gc.unfreeze()
    assert left_out[0] >= 0.9 * loaded


@pytest.mark.parametrize(("options", "code"), [(["-f"], Exit.USAGE), ([], Exit.USAGE)])
def test_a_cluster_is_not_begun_when_the_viewer_cannot_open(
    folder: Path, options: list[str], code: Exit
) -> None:
    command = typer.main.get_command(app)
    words = ["--home", str(folder), "up", "-n", "3", "--tui", *options]
    with pytest.raises(CliError) as caught:
        command.main(words, standalone_mode=False)
    assert caught.value.exit_code == code
    assert not (folder / "clusters").exists()


def test_a_saved_recording_that_ends_too_early_says_so_on_the_screen(folder: Path) -> None:
    path = save(folder)
    path.write_bytes(path.read_bytes()[:-5])
    film, loading = recorded(settings(folder), "old").load()
    asyncio.run(loading.run(lambda: None))
    assert "it ends inside a frame" in film.note


def test_a_recording_with_a_byte_that_rotted_says_where_on_the_screen(folder: Path) -> None:
    path = save(folder)
    whole = path.read_bytes()
    place = whole.rindex(b"candidate")
    path.write_bytes(whole[:place] + b"C" + whole[place + 1 :])
    film, loading = recorded(settings(folder), "old").load()
    asyncio.run(loading.run(lambda: None))
    assert "it is damaged at byte " in film.note
