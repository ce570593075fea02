"""What a node measures of itself: durations, commits, round trips, its process and its files."""

import os
from dataclasses import dataclass
from pathlib import Path

import trio

from node.machines import kv
from node.raft.messages import AppendEntries
from node.raft.ready import Envelope
from node.server.measuring import (
    FRESH_US,
    KEPT_US,
    ROUND_TRIP_EVERY_US,
    ROUND_TRIP_US_MAX,
    SAMPLES_MAX,
    SMOOTHING,
    WINDOW_US,
    Commits,
    Durations,
    RoundTrips,
)
from node.server.usage import LOOK_US, Usage
from node.wire.messages import Applied, Propose
from tests.raft.cluster import Cluster
from tests.server.stage import stage


def test_quantiles_are_of_the_last_samples_of_the_last_minute() -> None:
    durations = Durations()
    assert durations.quantiles(0) == {"p50_ms": None, "p99_ms": None}
    for number in range(1, 2 * SAMPLES_MAX + 1):
        durations.add(float(number), now=FRESH_US)
    first = SAMPLES_MAX + 1
    assert durations.quantiles(FRESH_US) == {
        "p50_ms": float(first + (SAMPLES_MAX - 1) // 2),
        "p99_ms": float(first + (SAMPLES_MAX - 1) * 99 // 100),
    }
    assert durations.quantiles(2 * FRESH_US + WINDOW_US) == {"p50_ms": None, "p99_ms": None}


def test_quantiles_are_worked_out_once_a_second() -> None:
    durations = Durations()
    durations.add(1.0, 0)
    assert durations.quantiles(0)["p99_ms"] == 1.0
    durations.add(9.0, 1)
    assert durations.quantiles(FRESH_US - 1)["p99_ms"] == 1.0
    assert durations.quantiles(FRESH_US) == {"p50_ms": 1.0, "p99_ms": 1.0}
    for _ in range(200):
        durations.add(9.0, FRESH_US)
    assert durations.quantiles(2 * FRESH_US) == {"p50_ms": 9.0, "p99_ms": 9.0}


def test_commits_are_timed_from_their_arrival_one_at_a_time() -> None:
    cluster = Cluster(3)
    core = cluster.elect(1).core
    commits = Commits(core)
    commits.arrived(0)
    commits.took_effect(1_000)
    assert commits.durations.quantiles(0)["p50_ms"] is None, "nothing had arrived"
    core.propose(["a"])
    commits.arrived(FRESH_US)
    commits.took_effect(FRESH_US + 1_000)  # of an entry before it
    core.propose(["b"])
    commits.arrived(FRESH_US + 2_000)
    cluster.deliver()
    commits.took_effect(FRESH_US + 7_000)
    commits.took_effect(FRESH_US + 9_000)
    assert commits.durations.quantiles(2 * FRESH_US) == {"p50_ms": 7.0, "p99_ms": 7.0}


def test_what_a_leader_did_not_commit_is_not_timed() -> None:
    cluster = Cluster(3)
    core = cluster.elect(1).core
    commits = Commits(core)
    cluster.cut(1)
    core.propose(["lost"])
    commits.arrived(0)
    cluster.run_until(lambda: any(node.core.is_leader for node in (cluster[2], cluster[3])))
    cluster.heal()
    cluster.run_until(lambda: core.commit_index >= cluster.leader.core.commit_index)
    commits.took_effect(5)
    assert commits.durations.quantiles(0)["p50_ms"] is None


class Appends:
    """A leader's appends to n2, with their numbers."""

    def __init__(self) -> None:
        self.cluster = Cluster(3)
        self.core = self.cluster.elect(1).core
        self.trips = RoundTrips(self.core)

    def leave(self, now: int) -> None:
        """The next one leaves, and is not answered yet."""
        acked = self.core.progress[2].acked_sequence
        term, index = self.core.term, self.core.last_index
        append = AppendEntries(term, 1, index, term, [], index, acked + 1)
        self.trips.left([Envelope(2, append)], now)

    def answer(self, now: int) -> float | None:
        self.cluster.propose("x")
        self.trips.look(now)
        return self.trips.ms(2, now)


def test_round_trip_is_from_an_append_to_its_answer() -> None:
    appends = Appends()
    appends.leave(1_000)
    appends.trips.look(2_000)
    assert appends.trips.ms(2, 2_000) is None
    assert appends.answer(5_000) == 4.0
    assert appends.trips.ms(3, 5_000) is None, "n3 was sent none"
    again = 1_000 + ROUND_TRIP_EVERY_US
    appends.leave(again)
    assert appends.answer(again + 12_000) == 4.0 + 8.0 / SMOOTHING
    assert appends.trips.ms(2, again + 12_000 + KEPT_US + 1) is None, "that was long ago"


def test_round_trips_are_few_and_a_lost_append_is_none() -> None:
    appends = Appends()
    appends.leave(1_000)
    appends.answer(2_000)
    appends.leave(3_000)
    assert appends.answer(9_000) == 1.0, "the next is looked at a tenth of a second later"
    begin = 1_000 + ROUND_TRIP_EVERY_US
    appends.leave(begin)
    assert appends.answer(begin + ROUND_TRIP_US_MAX + 1) == 1.0


def test_follower_knows_no_round_trips() -> None:
    appends = Appends()
    appends.leave(1_000)
    appends.answer(2_000)
    appends.core.step_down(3_000, "for the test")
    assert appends.trips.ms(2, 3_000) is None


@dataclass
class Counting:
    sent: int


def test_usage_is_that_of_this_process_and_its_files(tmp_path: Path) -> None:
    link = Counting(30)
    usage = Usage(tmp_path, {2: link}, now=0)
    usage.look(LOOK_US)
    assert usage.files == {"bytes": None, "wal_bytes": None}
    assert set(usage.process) == {"cpu_percent", "rss_bytes", "files"}
    assert (usage.out_per_s(2), usage.out_per_s(3)) == (30.0, None)
    (tmp_path / "raft.db").write_bytes(b"x" * 300)
    (tmp_path / "raft.db-wal").write_bytes(b"x" * 20)
    (tmp_path / "raft.redo").write_bytes(b"x" * 7)
    link.sent = 70
    usage.look(2 * LOOK_US - 1)
    assert usage.files["bytes"] is None, "once a second is enough"
    held = os.open(tmp_path / "raft.db", os.O_RDONLY)
    before = usage.process["files"]
    usage.look(3 * LOOK_US)
    os.close(held)
    assert usage.files == {"bytes": 300, "wal_bytes": 27}
    assert usage.process["files"] == before + 1
    assert 0 <= usage.process["cpu_percent"] < 100
    assert usage.out_per_s(2) == 20.0
    link.sent = 1
    usage.look(4 * LOOK_US)
    assert usage.out_per_s(2) is None, "it began anew"
    assert usage.process["rss_bytes"] is None or usage.process["rss_bytes"] > 1_000_000


def test_status_has_what_was_measured() -> None:
    async def scene() -> None:
        async with stage() as at:
            client = await at.visit("client")
            await client.send(Propose(1, at.command(kv.put("k", b"v"))))
            assert isinstance(await client.receive(), Applied)
            status = at.node.status.document()
        assert status["commits"]["p50_ms"] > 0
        assert 0 < status["disk"]["p50_ms"] <= status["disk"]["p99_ms"]
        assert status["disk"]["bytes"] is None, "this node has no files"
        assert (status["port"], status["in_touch"]) == (1, [1])
        assert status["settings"]["raft"]["heartbeat_ms"] == 50
        assert status["settings"]["raft"]["spare_ms"] == 20
        assert status["settings"]["limits"]["value_bytes_max"] == 1024 * 1024
        assert status["elections"]["elections_won"] == 1
        assert status["last_leader"] == {"term": status["term"], "id": 1}
        assert (status["election_in_ms"], status["election_timeout_ms"]) == (None, None)

    trio.run(scene)
