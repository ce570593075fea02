"""Changes of the members that meet trouble: what is done, and what is said."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from node.client.admin import Admin
from node.client.errors import ClientError
from node.raft.configuration import Change, Configuration, Remove
from node.server.ownership import PidFile, write_pid
from raftctl.cluster import joining, leaving, membership
from raftctl.cluster.directory import Cluster
from raftctl.cluster.joining import Newcomer, join, wait_until
from raftctl.cluster.leaving import SUCCESSOR_SECONDS, hand_over, target_of
from raftctl.cluster.members import View
from raftctl.cluster.membership import Request, Seen
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from tests.raftctl.clusters import status
from tests.raftctl.folders import make, settings_of

V3 = frozenset({1, 2, 3})
HEARD = {"match_index": 7, "heard_ms": 1}


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    """n1, n2 and n3, which do not run."""
    return Cluster("demo", make(tmp_path))


@pytest.fixture
def request_of(tmp_path: Path, cluster: Cluster) -> Request:
    return Request(settings_of(tmp_path), cluster, timeout=1)


def led(*learners: int, progress: dict[int, dict[str, Any]] | None = None) -> View:
    configuration = Configuration(V3, frozenset(learners))
    return View(configuration, 7, 1, is_committed=True, progress=progress or {})


# -- a leader that leaves --------------------------------------------------------------------------
@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which passes by waiting alone."""
    now = [1000.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr("raftctl.cluster.leaving.time.monotonic", lambda: now[0])
    monkeypatch.setattr("raftctl.cluster.leaving.time.sleep", sleep)
    return now


def test_a_successor_that_never_takes_over_is_not_waited_for_without_end(
    cluster: Cluster, request_of: Request, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    view = led(progress={2: HEARD, 3: HEARD})
    asked = []

    def refuse(admin: Admin, target: int) -> dict[str, Any]:
        asked.append(target)
        raise ClientError("timeout", "n2 did not take over in time", "unknown")

    monkeypatch.setattr(Admin, "__init__", lambda *_: None)
    monkeypatch.setattr(Admin, "__exit__", lambda *_: None)
    monkeypatch.setattr(Admin, "transfer", refuse)
    monkeypatch.setattr(leaving, "look", lambda _: view)
    hand_over(cluster, request_of.output, view, [1], deadline=1030)
    assert set(asked) == {2}
    assert clock[0] == pytest.approx(1000 + SUCCESSOR_SECONDS, abs=0.1)


def test_where_no_voter_stays_nobody_is_waited_for(
    cluster: Cluster, request_of: Request, clock: list[float]
) -> None:
    """It takes the only voter's place who gets its vote by the same change."""
    alone = View(Configuration(frozenset({1}), frozenset({2})), 7, 1, is_committed=True)
    hand_over(cluster, request_of.output, alone, [1], deadline=1030)
    assert clock == [1000.0]


# -- who is asked, and who is not ------------------------------------------------------------------
def test_who_is_no_member_by_the_word_of_a_follower_is_not_stopped(
    request_of: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leader went between two looks, and a follower does not know of n3 yet."""
    stale = View(Configuration(V3 - {3}), 5)
    views = [stale, led()]
    monkeypatch.setattr(membership, "wait_for_leader", lambda *_: led())
    monkeypatch.setattr(membership, "survey", lambda _: {})
    monkeypatch.setattr(membership, "status_of", lambda *_: status(3))
    monkeypatch.setattr(membership, "view_of", lambda *_: views.pop(0))
    changes: list[Change] = []

    def carry_out(_: Request, seen: Seen, wanted: list[Change]) -> tuple[View, None]:
        changes.extend(wanted)
        return seen.view, None

    monkeypatch.setattr(membership, "_carry_out", carry_out)
    monkeypatch.setattr(membership, "retire", lambda *_: None)
    membership.remove(request_of, ["n3"])
    assert changes == [Remove(3)]


def test_a_process_in_a_folder_without_a_row_is_left_alone(
    cluster: Cluster, request_of: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "wait_for_leader", lambda *_: led())
    home = cluster.folder / "n4"
    lock = PidFile(home).take()
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeper) as process:
        try:
            write_pid(lock, process.pid)
            with pytest.raises(CliError, match="n4 has a process already") as caught:
                join(request_of.settings, cluster, Newcomer(None, 100, True), 1e12)
            assert caught.value.exit_code == Exit.PRECONDITION
            assert process.poll() is None
            assert (home / "pid").exists()
        finally:
            process.kill()
            os.close(lock)


def test_what_the_core_says_of_a_member_names_the_node(cluster: Cluster) -> None:
    with pytest.raises(CliError, match="n9 is not a member; the members of demo are as"):
        target_of(cluster, led(), [Remove(9)])


# -- interrupted, or left alone --------------------------------------------------------------------
def test_a_newcomer_that_ends_is_a_member_all_the_same(
    cluster: Cluster, request_of: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "look", lambda *_: led())
    with pytest.raises(CliError, match="n3 ended while it caught up") as caught:
        wait_until(cluster, request_of.output, 3, lambda _: False, 1e12)
    assert caught.value.outcome == "unknown"
    assert "raftctl start n3 lets it go on" in caught.value.hint


def test_a_newcomer_that_another_command_removes_is_none_that_could_go_on(
    cluster: Cluster, request_of: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stopped before its row goes."""
    without = View(Configuration(V3 - {3}), 9, 1, is_committed=True)
    monkeypatch.setattr(joining, "look", lambda *_: without)
    for node_id in (3, 4):
        with pytest.raises(CliError, match=f"n{node_id} was removed meanwhile") as caught:
            wait_until(cluster, request_of.output, node_id, lambda _: False, 1e12)
        assert caught.value.exit_code == Exit.NOT_FOUND


INTERRUPTS = (
    (KeyboardInterrupt(), Exit.INTERRUPTED),
    (SystemExit(128 + signal.SIGTERM), Exit.TERMINATED),
    (SystemExit(128 + signal.SIGHUP), Exit.HUNG_UP),
)


def interrupted(verb: Callable[[], None]) -> CliError:
    with pytest.raises(CliError, match="interrupted: ") as caught:
        verb()
    error = caught.value
    assert (error.code, error.outcome) == ("E_INTERRUPTED", "unknown")
    return error


@pytest.mark.parametrize(("signal_error", "code"), INTERRUPTS, ids=["ctrl-c", "sigterm", "sighup"])
def test_an_interrupt_says_what_may_have_become_of_the_members(
    request_of: Request, monkeypatch: pytest.MonkeyPatch, signal_error: BaseException, code: Exit
) -> None:
    def interrupt(*_: object) -> None:
        raise signal_error

    rows = status(4)
    monkeypatch.setattr(membership, "_see", lambda _: Seen(led(4), rows))
    monkeypatch.setattr(membership, "change_members", interrupt)
    error = interrupted(lambda: membership.remove(request_of, ["n4"]))
    assert error.exit_code == code
    assert "may have changed, or may yet" in error.message
    assert "raftctl members ls" in error.hint


def test_an_interrupt_while_a_newcomer_catches_up_names_it(
    cluster: Cluster, request_of: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    node = cluster.spec.address_of(3)
    monkeypatch.setattr(membership, "join", lambda *_: (node, led()))
    monkeypatch.setattr(membership, "wait_until", interrupt)
    newcomer = Newcomer(None, 100, promotes=True)
    error = interrupted(lambda: membership.add(request_of, newcomer))
    assert error.details == {"node": "n3"}
    assert "undo: raftctl members remove n3" in error.hint
    monkeypatch.setattr(membership, "_see", lambda _: Seen(led(), status(4)))
    error = interrupted(lambda: membership.replace(request_of, "n2", None))
    assert error.details == {"node": "n3"}
    assert "raftctl members replace n2 n3 goes on" in error.hint


# -- in the place of another -----------------------------------------------------------------------
def test_who_got_its_vote_by_itself_takes_the_place_all_the_same(
    request_of: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted `members add n4`, and then `members replace n3 n4`."""
    voting = View(Configuration(V3 | {4}), 9, 1, is_committed=True)
    views = [led(4), voting]
    asked: list[Change] = []

    @contextmanager
    def changing(_: Request) -> Iterator[Seen]:
        yield Seen(views.pop(0), status(4))

    def wait(*words: Any) -> View:
        is_done = words[3]
        assert is_done(voting)
        assert not is_done(led(4))
        return voting

    def carry_out(_: Request, seen: Seen, changes: list[Change]) -> tuple[View, None]:
        asked.extend(changes)
        return seen.view, None

    monkeypatch.setattr(membership, "_changing", changing)
    monkeypatch.setattr(membership, "wait_until", wait)
    monkeypatch.setattr(membership, "_carry_out", carry_out)
    monkeypatch.setattr(membership, "retire", lambda *_: None)
    membership.replace(request_of, "n3", 4)
    assert asked == [Remove(3)]
