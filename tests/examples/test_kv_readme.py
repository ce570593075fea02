"""The example's README, run as it is written.

Ports, and the numbers of the members, are chosen anew each time: `Reader` knows which member plays
which part, by who leads, and puts the real ones in the place of those in the text.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from examples.kv_store.__main__ import CLIENT_PORTS, PEER_PORTS, parse
from examples.kv_store.store import KEY_BYTES_MAX, VALUE_BYTES_MAX
from tests.examples.members import ROOT, Members, until

EXAMPLE = ROOT / "examples" / "kv_store"
README = (EXAMPLE / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.S)


def steps(block: str) -> list[tuple[str, str]]:
    """The commands, each with what it says."""
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M)


def shape(text: str) -> str:
    """What a line says but for what is different every time."""
    text = re.sub(r"(Date: ).*", r"\1", text)
    text = re.sub(r"in \S*/(\d)/journal|data in \S+;", "in its folder", text)
    return re.sub(r"\d+", "0", text.replace(" --dir", "").rstrip())


class Reader:
    """Somebody who types what the README says into a shell in the project's folder."""

    def __init__(self, members: Members) -> None:
        self.members = members
        self.pids: dict[int, int] = {}
        self._order = [0, 1, 2]  # the member that plays the part of member n

    def cast(self, leader: int) -> None:
        """Let the leader play the part of the leader in the text."""
        (part,) = {int(part) for part in re.findall(r"member (\d) leads term 1", README)}
        self._order[self._order.index(leader)] = self._order[part]
        self._order[part] = leader

    def command(self, written: str) -> str:
        def port(found: re.Match[str]) -> str:
            return str(self.members.clients[self._order[int(found[1])]])

        text = re.sub(r"\b820(\d)\b", port, written)
        text = re.sub(r"--id (\d)", lambda found: f"--id {self._order[int(found[1])]}", text)
        text = re.sub(r"^kill -9 \d+$", lambda _: f"kill -9 {self.pids[self._order[1]]}", text)
        if "examples.kv_store" in text:
            text = f"exec {text} {' '.join(self.members.options)}"
        return text

    @contextmanager
    def terminal(self, written: str, output: Path) -> Iterator[None]:
        """A command that runs until Ctrl-C."""
        with output.open("wb") as out:
            process = subprocess.Popen(
                ["bash", "-c", self.command(written)],
                cwd=ROOT,
                env=self._env(),
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(10) == 0
        assert "Traceback" not in output.read_text(encoding="utf-8")

    def types(self, written: str) -> str:
        done = subprocess.run(
            ["bash", "-c", self.command(written)],
            cwd=ROOT,
            env=self._env(),
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 0, (done.args, done.stderr)
        return done.stdout

    def _env(self) -> dict[str, str]:
        """`python3` is the one that runs the tests."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path}


@pytest.mark.e2e
@pytest.mark.skipif(
    shutil.which("curl") is None and os.environ.get("CI") != "true", reason="needs curl"
)
def test_readme_runs_as_written(tmp_path: Path) -> None:
    first, second, third, fourth = map(steps, BLOCKS)
    members = Members(tmp_path, 3, 5)
    reader = Reader(members)
    output, back = tmp_path / "first", tmp_path / "back"
    ((start, start_says),) = first
    ((start_again, again_says),) = fourth
    with reader.terminal(start, output):
        _wait_for_lines(output, start_says)
        printed = output.read_text(encoding="utf-8")
        reader.pids = {
            int(member): int(pid)
            for member, pid in re.findall(r"member (\d) serves \S+ pid (\d+)", printed)
        }
        leader = members.leader(range(3))
        reader.cast(leader)
        for command, says in (*second, *third):
            assert shape(reader.types(command)) == shape(says), command
        again = re.sub(r"--id \d", f"--id {leader}", start_again)
        ended = f"member {leader} has ended (SIGKILL); to start it again: {again} "
        assert ended in output.read_text(encoding="utf-8")
        with reader.terminal(start_again, back):
            _wait_for_lines(back, again_says)


def _wait_for_lines(output: Path, written: str) -> None:
    """Until each line of the README stands there, in whatever order the members come to it."""
    wanted = {shape(line) for line in written.splitlines()}

    def all_there() -> bool:
        return wanted <= {shape(line) for line in output.read_text(encoding="utf-8").splitlines()}

    until(all_there, f"the terminal shows {wanted}")


def test_defaults_and_limits_are_those_that_the_readme_names() -> None:
    options = parse([])
    assert (options.clients, options.peers) == (CLIENT_PORTS, PEER_PORTS)
    assert {int(port) for port in re.findall(r"\b82\d\d\b", README)} == set(CLIENT_PORTS)
    assert f"data in {options.dir};" in README
    assert (KEY_BYTES_MAX, VALUE_BYTES_MAX) == (1024, 1024 * 1024)


def test_readme_tells_of_every_file() -> None:
    named = set(re.findall(r"`(\w+\.py)`", README))
    assert named == {path.name for path in EXAMPLE.glob("*.py")} - {"__init__.py"}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--clients", "8200"], "a port each for every member"),
        (["--clients", "1,2,3", "--peers", "3,4,5"], "all different"),
        (["--clients", "1,x,3"], "'1,x,3' is no list of ports"),
        (["--id", "3"], "--id is 0 to 2"),
        (["--answer-within", "nan"], "'nan' is no number of seconds"),
    ],
)
def test_wrong_option_is_explained(
    options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(options)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err
