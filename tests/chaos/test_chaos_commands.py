"""`raftctl chaos` as a user meets it: files to write, clusters to lend, runs that broke off."""

from pathlib import Path

import pytest

from tests.measure.commands import Raftctl

DRAW = ("chaos", "random", "--save")


@pytest.mark.parametrize("name", ["", "nowhere/out.xml"])
def test_junit_that_cannot_be_written_is_said_before_the_run(tmp_path: Path, name: str) -> None:
    words = ("chaos", "run", "smoke", "--sim", "--junit", str(tmp_path / name))
    done = Raftctl(tmp_path).run(*words, check=False)
    assert done.returncode == 1
    assert "E_IO" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("words", [DRAW, ("chaos", "shrink", "latest", "--save")])
def test_no_file_is_taken_the_place_of(tmp_path: Path, words: tuple[str, ...]) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text("mine")
    done = Raftctl(tmp_path).run(*words, str(plan), check=False)
    assert done.returncode == 6
    assert f"{plan} is there already" in done.stderr
    assert plan.read_text() == "mine"


def test_simulation_says_that_it_does_not_use_the_cluster(tmp_path: Path) -> None:
    done = Raftctl(tmp_path).run("chaos", "run", "smoke", "--sim", "-c", "demo")
    assert "its own nodes, not those of demo" in done.stderr
    assert "again       raftctl chaos run smoke --sim\n" in done.stdout


def test_run_that_did_not_fail_is_not_made_smaller(tmp_path: Path) -> None:
    raftctl = Raftctl(tmp_path)
    found = raftctl.document("chaos", "run", "smoke", "--sim")
    done = raftctl.run("chaos", "shrink", "latest", check=False)
    assert done.returncode == 6
    assert f"{found['run']} did not fail: it is ok" in done.stderr


def test_run_that_broke_off_is_listed_as_one(tmp_path: Path) -> None:
    (tmp_path / "runs" / "20261128T000000-smoke-1").mkdir(parents=True)
    done = Raftctl(tmp_path).run("chaos", "ls")
    assert done.stdout.splitlines()[-1].endswith("has no verdict: it broke off, or goes on still")
    assert "Errno" not in done.stdout
