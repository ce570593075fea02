"""The example's members killed, paused, and started on what a crash left behind."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import pytest

from examples.kv_store.journal import Journal
from examples.kv_store.member import Member, MemberStoppedError
from examples.kv_store.store import put
from node.raft import NotLeaderError
from tests.examples.members import Members, running, until


@pytest.mark.e2e
def test_killed_leader_and_killed_cluster_lose_nothing_acknowledged(tmp_path: Path) -> None:
    with running(tmp_path) as members:
        acknowledged: list[int] = []
        is_over = threading.Event()

        def write_on(writer: int) -> None:
            number = writer
            while not is_over.is_set():
                if _is_applied(members, number % 3, f"n{number}"):
                    acknowledged.append(number)
                number += 2

        with ThreadPoolExecutor(2) as writers:
            done = [writers.submit(write_on, writer) for writer in range(2)]
            try:
                _until_more(acknowledged, 20)
                leader = members.leader()
                members.kill(leader)
                _until_more(acknowledged, 20)
                members.start(leader)
                members.put("back", b"x", leader)
                _until_more(acknowledged, 20)
                members.kill(0, 1, 2)
            finally:
                is_over.set()
            for each in done:
                each.result()
        members.start(0, 1, 2)
        for number in acknowledged:
            assert members.get(f"n{number}", number % 3) == b"x"


def _is_applied(members: Members, member: int, key: str) -> bool:
    try:
        return members.ask(member, "PUT", f"/keys/{key}", b"x").status == 200
    except (OSError, HTTPException):
        return False


def _until_more(acknowledged: list[int], more: int) -> None:
    enough = len(acknowledged) + more
    until(lambda: len(acknowledged) >= enough, f"{more} more writes are acknowledged")


@pytest.mark.e2e
def test_z18_write_is_answered_in_time_when_leadership_is_lost(tmp_path: Path) -> None:
    """Without a majority there is no leader, and nobody who could say how a write ends."""
    with running(tmp_path, answer_within=1.5) as members:
        members.put("before", b"1")
        leader = members.leader()
        members.pause(*({0, 1, 2} - {leader}))
        before = time.monotonic()
        reply = members.ask(leader, "PUT", "/keys/alone", b"1")
        assert (reply.status, reply.document["outcome"]) == (504, "unknown")
        assert 1.4 < time.monotonic() - before < 5
        for method, path in (("PUT", "/keys/alone"), ("GET", "/keys/before")):
            before = time.monotonic()
            reply = members.ask(leader, method, path, b"2")
            assert reply.status == 503, "no leader is known, nothing is written, nothing stale read"
            assert time.monotonic() - before < 5
        members.resume(*({0, 1, 2} - {leader}))
        members.put("after", b"1", leader)
        assert members.get("before", leader) == b"1"


@pytest.mark.e2e
def test_write_whose_place_another_leader_took_has_failed(tmp_path: Path) -> None:
    with running(tmp_path, answer_within=15) as members:
        members.put("before", b"1")
        old = members.leader()
        others = sorted({0, 1, 2} - {old})
        members.kill(*others)
        size = _journal_size(members, old)
        with ThreadPoolExecutor(1) as client:
            waiting = client.submit(members.ask, old, "PUT", "/keys/lost", b"1", False)
            until(lambda: _journal_size(members, old) > size or waiting.done(), "it is saved")
            assert not waiting.done()
            members.pause(old)
            members.start(*others)
            members.put("taken", b"1", others[0])
            members.resume(old)
            reply = waiting.result(20)
        assert (reply.status, reply.document["outcome"]) == (503, "failed")
        for member in range(3):
            assert members.get("lost", member) is None
            assert members.get("taken", member) == b"1"


def _journal_size(members: Members, member: int) -> int:
    return (members.folder / str(member) / "journal").stat().st_size


@pytest.mark.e2e
def test_member_starts_on_a_torn_journal_and_refuses_a_damaged_one(tmp_path: Path) -> None:
    with running(tmp_path) as members:
        members.put("a", b"x" * 5000)
        members.kill(0, 1, 2)
        path = tmp_path / "0" / "journal"
        with path.open("ab") as journal:
            journal.write(b"half a record")
        members.start(0, 1, 2)
        assert members.get("a", 0) == b"x" * 5000
        assert "dropped 13 bytes of a write that a crash cut off" in members.output(0)

        busy = members.run(0)
        assert busy.returncode == 1
        assert busy.stderr == f"member 0 cannot start: another process uses {tmp_path / '0'}\n"

        members.kill(0)
        data = bytearray(path.read_bytes())
        data[100] ^= 1
        path.write_bytes(data)
        refused = members.run(0)
        assert refused.returncode == 1
        assert f"member 0 cannot start: {path} is damaged at byte" in refused.stderr
        assert "Traceback" not in refused.stderr
        members.put("later", b"without it", 1)


def test_member_whose_disk_fails_acknowledges_nothing_and_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster of one, in this process."""
    journal = Journal(tmp_path, 0, 1)
    member = Member(0, 1, journal, lambda _peer, _message: None, answer_seconds=5)
    ticking = threading.Thread(target=member.tick_forever)
    ticking.start()

    def written() -> bool:
        try:
            return member.write(put("a", b"1")).index > 0
        except NotLeaderError:
            return False

    def broken(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    try:
        until(written, "it leads itself")
        assert member.read("a") == b"1"
    finally:
        monkeypatch.setattr(os, "fsync", broken)
        with pytest.raises(MemberStoppedError, match="Input/output error"):
            member.write(put("a", b"2"))
        ticking.join(10)
    assert not ticking.is_alive()
    monkeypatch.undo()
    with pytest.raises(MemberStoppedError):
        member.write(put("a", b"3"))
    journal.close()
