"""Where runs lie, and how they are found again."""

import json
from pathlib import Path

import pytest

from raftctl.chaos.folders import RunFolder, all_runs, find_run_folder, make_run_folder
from raftctl.chaos.results import read_result, write_result
from raftctl.chaosdocs import ChaosCheck, ChaosLatency, ChaosRun
from raftctl.errors import CliError
from raftctl.settings import Settings, make_settings

RUN = ChaosRun(
    verdict="ok", text="", name="smoke", seed=1, mode="live", run="", folder="", nodes=3,
    began="2026-11-28T00:00:00+00:00", duration_s=10.0, again="raftctl chaos run smoke",
    versions={}, checks=[ChaosCheck("load", "ok", "")], faults=[], operations={},
    latency=ChaosLatency(1.0, 2.0, 3.0, 4.0), write_share=1.0, read_share=1.0,
)  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(
        None, None, None, tmp_path, quiet=True, verbose=False, no_color=True, ascii_only=False,
        yes=False,
    )  # fmt: skip


def test_runs_of_one_second_have_folders_of_their_own_and_the_newest_is_latest(
    settings: Settings,
) -> None:
    made = [make_run_folder(settings, "smoke", 1) for _ in range(3)]
    assert len({each.name for each in made}) == 3
    assert {each.name for each in all_runs(settings)} == {each.name for each in made}
    assert (settings.home / "runs" / "latest").resolve() == made[-1].path
    assert all(each.path.stat().st_mode & 0o77 == 0 for each in made)


@pytest.mark.parametrize("name", ["latest", "power-cut"])
def test_run_is_found_by_its_scenario_and_as_the_latest(settings: Settings, name: str) -> None:
    make_run_folder(settings, "smoke", 1)
    last = make_run_folder(settings, "power-cut", 7)
    found = find_run_folder(settings, name)
    assert found.path.name in (last.name, all_runs(settings)[0].name)
    assert find_run_folder(settings, last.name) == last


def test_run_is_found_by_its_path(settings: Settings, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "elsewhere")
    folder.path.mkdir()
    folder.history.touch()
    assert find_run_folder(settings, str(folder.path)) == folder


def test_what_is_no_run_is_said_with_those_that_are(settings: Settings) -> None:
    with pytest.raises(CliError, match="x: no such file, and no run") as caught:
        find_run_folder(settings, "x")
    assert caught.value.exit_code == 9
    assert "chaos run smoke" in caught.value.hint


def test_result_is_read_as_it_was_written(settings: Settings) -> None:
    folder = make_run_folder(settings, "smoke", 1)
    write_result(RUN, folder)
    assert read_result(folder) == RUN


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"schema": "raftctl.chaos-run/v2"}', '{"schema": "raftctl.chaos-run/v1"}'],
)
def test_damaged_result_is_one_error(settings: Settings, text: str) -> None:
    folder = make_run_folder(settings, "smoke", 1)
    folder.result.write_text(text)
    with pytest.raises(CliError):
        read_result(folder)


def test_result_with_an_unknown_field_is_refused(settings: Settings) -> None:
    folder = make_run_folder(settings, "smoke", 1)
    write_result(RUN, folder)
    changed = {**json.loads(folder.result.read_text()), "more": 1}
    folder.result.write_text(json.dumps(changed))
    with pytest.raises(CliError, match="no result that this version reads"):
        read_result(folder)
