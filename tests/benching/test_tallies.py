"""What came of a load: each second for itself, all of it in the end, and how it is told."""

import json

import pytest

from node.client.pipeline import Load, Tally, no_reads
from raftctl.benching.requests import Asked
from raftctl.benching.tallies import Tallies
from raftctl.benching.telling import Tell, lines
from raftctl.output import Output

ASKED = Asked("mixed", 100, 10, "uniform", 0.5)
LOAD = Load(lambda number: b"", no_reads, 8, 2, None, 3.0)


def output(mode: str = "text") -> Output:
    return Output(mode, False, False, False, True)


def test_seconds_are_counted_apart_and_the_whole_holds_them_all() -> None:
    tallies = Tallies()
    tally = Tally([0.001, 0.003], [0.002], errors=1, elapsed=1.0)
    tallies.take(tally)
    first = tallies.second(tally, 1)
    assert (first.at_ms, first.ops, first.errors, first.unknown) == (1000.0, 3, 1, 0)
    assert first.max_ms == pytest.approx(3)
    tally.latencies += [0.010]
    tally.errors, tally.unknown, tally.elapsed = 3, 4, 2.0
    tallies.take(tally)
    second = tallies.second(tally, 2)
    assert (second.ops, second.errors, second.unknown) == (1, 2, 4)
    assert tallies.done == 4

    tally.read_latencies += [0.005]  # of a second that does not end any more
    tallies.take(tally)
    whole = tallies.document(tally, LOAD, ASKED)
    assert (whole.ops, whole.errors, whole.unknown, whole.ops_per_s) == (5, 3, 4, 2.5)
    assert whole.max_ms == pytest.approx(10)
    assert whole.put is not None
    assert whole.get is not None
    assert (whole.put.ops, whole.get.ops) == (3, 2)
    assert whole.get.max_ms == pytest.approx(5)


def test_latencies_are_taken_out_of_the_tally_so_that_it_does_not_grow() -> None:
    tally = Tally([0.001] * 10, [0.001])
    Tallies().take(tally)
    assert (tally.latencies, tally.read_latencies) == ([], [])


def test_kind_that_was_not_asked_for_has_no_figures() -> None:
    whole = Tallies().document(Tally(), LOAD, Asked("get", 100, 10, "uniform", 0.5))
    assert whole.put is None
    assert whole.get is not None
    assert whole.p50_ms is None


def test_load_says_what_share_of_a_core_and_of_all_it_took() -> None:
    tallies = Tallies()
    sum(range(300_000))
    client = tallies.document(Tally(elapsed=0.001), LOAD, ASKED).client
    assert client.cpu_ms > 0
    assert client.core_share == pytest.approx(client.cpu_ms, rel=0.1)
    assert client.machine_share == pytest.approx(client.core_share / client.cores, abs=0.01)


def test_progress_says_how_far_the_load_is(capsys: pytest.CaptureFixture[str]) -> None:
    told = output()
    told._spoke_at -= 10  # progress that is no terminal's comes now and then
    tell = Tell(told, 3.0, 5000)
    tallies = Tallies()
    tally = Tally([0.0015] * 1234, unknown=2)
    tallies.take(tally)
    tell(tallies.second(tally, 1), tallies.done)
    said = capsys.readouterr()
    assert "1 of 3s  1,234 of 5,000 done  1,234/s  p99 1.5 ms  0 errors  2 unknown" in said.err
    assert said.out == ""


def test_each_second_is_a_document_with_jsonl(capsys: pytest.CaptureFixture[str]) -> None:
    tell = Tell(output("jsonl"), 3.0, None)
    tallies = Tallies()
    for second in (1, 2):
        tell(tallies.second(Tally(), second), 0)
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["at_ms"] for each in shown] == [1000.0, 2000.0]
    assert {each["schema"] for each in shown} == {"raftctl.bench-second/v1"}


def test_a_mixed_load_has_a_row_for_each_kind() -> None:
    tallies = Tallies()
    tallies.take(Tally([0.001], [0.002]))
    shown = lines(tallies.document(Tally(elapsed=1.0), LOAD, ASKED))
    assert [line.split()[0] for line in shown] == ["mixed", "OK", "put", "get", "the"]
