"""`raftctl watch` in a pipe, without a terminal: changes come out as they happen."""

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from raftctl.schemas import json_schema
from tests.measure.commands import RAFTCTL, Raftctl
from tests.raftctl.schema import violations

pytestmark = pytest.mark.e2e

SECONDS_MAX = 20


@pytest.fixture(scope="module")
def cluster(raftctl: Raftctl) -> Raftctl:
    raftctl.run("up", "-n", "3")
    raftctl.run("wait", "ready")
    return raftctl


class Watching:
    """A running `raftctl watch`. Reading from it ends at the latest with its process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        assert process.stderr is not None
        self._out: IO[str] = process.stdout
        self._err: IO[str] = process.stderr

    def until_it_watches(self) -> None:
        said = []
        for line in self._err:
            said.append(line)
            if line.startswith("watching"):
                return
        raise AssertionError(f"it ended instead: {said}")

    def line(self) -> str:
        line = self._out.readline()
        assert line, f"nothing came within {SECONDS_MAX} s"
        return line

    def document(self) -> dict[str, object]:
        document: dict[str, object] = json.loads(self.line())
        assert violations(document, json_schema("change")) == []
        return document


@contextmanager
def watching(cluster: Raftctl, *words: str) -> Iterator[Watching]:
    command = [str(RAFTCTL), "watch", *words]
    process = subprocess.Popen(
        command,
        env=cluster.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = threading.Timer(SECONDS_MAX, process.kill)
    deadline.start()
    try:
        with process:
            watch = Watching(process)
            watch.until_it_watches()
            yield watch
            process.kill()
    finally:
        process.kill()
        deadline.cancel()


def test_changes_come_as_json_lines_while_they_happen(cluster: Raftctl) -> None:
    with watching(cluster, "user/", "-o", "jsonl") as watch:
        put = cluster.document("put", "user/a", "1")
        assert watch.document() == {
            "schema": "raftctl.change/v1",
            "index": put["index"],
            "key": "user/a",
            "value": "1",
            "value_base64": None,
            "deleted": False,
        }
        cluster.run("put", "other/a", "not watched")
        gone = cluster.document("del", "user/a")
        change = watch.document()
        assert (change["index"], change["key"]) == (gone["index"], "user/a")
        assert (change["value"], change["deleted"]) == (None, True)


def test_lines_for_people_are_index_key_and_value(cluster: Raftctl) -> None:
    with watching(cluster, "plain/") as watch:
        index = cluster.document("put", "plain/k", "some words")["index"]
        assert watch.line() == f"{index}  plain/k  some words\n"


def test_since_brings_what_was_missed_before_what_follows(cluster: Raftctl) -> None:
    seen = cluster.document("put", "since/a", "seen")["index"]
    cluster.run("put", "since/a", "missed")
    with watching(cluster, "since/", "--since", str(seen), "-o", "jsonl") as watch:
        cluster.run("put", "since/b", "new")
        changes = [watch.document() for _ in range(2)]
    assert [change["value"] for change in changes] == ["missed", "new"]


def test_interrupt_ends_it_as_the_exit_codes_say(cluster: Raftctl) -> None:
    with watching(cluster) as watch:
        watch.process.send_signal(signal.SIGINT)
        assert watch.process.wait(SECONDS_MAX) == 130
