"""The demo shows commands as they can be typed."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parent.parent / "examples" / "demo.sh"


@pytest.mark.parametrize(
    "words",
    [
        ["up", "demo", "-n", "3"],
        ["put", "greeting", "hello again", "--timeout", "10s"],
        ["put", "it's", 'a "quoted" $HOME * `word`', ""],
    ],
)
def test_command_that_it_shows_is_the_one_that_it_runs(words: list[str]) -> None:
    found = re.search(r"^run\(\) \{.*?^\}\n", DEMO.read_text(encoding="utf-8"), re.M | re.S)
    assert found is not None
    script = f"""raftctl=show; show() {{ printf '%s\\0' "$@"; }}\n{found[0]}run "$@" """
    done = subprocess.run(
        ["bash", "-euc", script, "bash", *words], capture_output=True, text=True, timeout=10
    )
    assert done.returncode == 0, done.stderr
    shown, ran = done.stdout.split("\n")
    assert shlex.split(shown) == ["$", "raftctl", *words]
    assert ran.split("\0")[:-1] == words
