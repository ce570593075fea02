"""The README's examples are the tested ones, and they run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.measure.commands import fresh_home

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_library_example_is_complete_and_runs_as_written(tmp_path: Path) -> None:
    (block,) = (each for each in code_blocks("python") if "class Member" in each)
    assert block == (ROOT / "examples" / "tutorial.py").read_text(encoding="utf-8")
    script = tmp_path / "tutorial.py"
    script.write_text(block, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("greeting") == 3


@pytest.mark.e2e
def test_state_machine_example_runs_as_written(tmp_path: Path) -> None:
    (block,) = (each for each in code_blocks("python") if "class Counter" in each)
    (tmp_path / "counter.py").write_text(block, encoding="utf-8")
    with fresh_home() as raftctl:
        raftctl.folder = tmp_path
        raftctl.run("up", "-n", "3", "--machine", "counter:Counter")
        raftctl.folder = None
        raftctl.run("restart", "all")
        assert raftctl.run("propose", "41").stdout == "41\n"
        assert raftctl.run("propose", "1").stdout == "42\n"


def test_every_file_that_the_readme_names_exists() -> None:
    for name in re.findall(r"\]\(([\w./-]+)\)", README):
        assert (ROOT / name).exists(), name
