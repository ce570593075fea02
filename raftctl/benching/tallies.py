"""What came of a load, second by second and in all, as documents."""

import os
import time

from node.client.pipeline import Load, Tally
from raftctl.benchdocs import Bench, BenchClient, BenchLatency, BenchSecond
from raftctl.benching.histogram import Histogram
from raftctl.benching.requests import Asked


class Tallies:
    """Empties the tally of a pipeline, so that memory does not grow with the load."""

    def __init__(self) -> None:
        self._put = Histogram()
        self._get = Histogram()
        self._second_put = Histogram()
        self._second_get = Histogram()
        self._errors = self._unknown = 0
        self._cpu_began = time.process_time()

    @property
    def done(self) -> int:
        """Requests that have succeeded, until the end of the last second."""
        return self._put.count + self._get.count

    def take(self, tally: Tally) -> None:
        """Move what is in it here."""
        self._second_put.add(tally.latencies)
        self._second_get.add(tally.read_latencies)
        tally.latencies.clear()
        tally.read_latencies.clear()

    def second(self, tally: Tally, end_s: int) -> BenchSecond:
        """The one that ends now; the next one begins."""
        ended = self._end_second()
        document = BenchSecond(
            at_ms=end_s * 1000.0,
            ops=ended.count,
            errors=tally.errors - self._errors,
            unknown=tally.unknown - self._unknown,
            p50_ms=_ms(ended.at(0.5)),
            p99_ms=_ms(ended.at(0.99)),
            max_ms=_ms(ended.at(1)),
        )
        self._errors, self._unknown = tally.errors, tally.unknown
        return document

    def _end_second(self) -> Histogram:
        both = Histogram()
        for found, kept in ((self._second_put, self._put), (self._second_get, self._get)):
            kept.merge(found)
            both.merge(found)
        self._second_put, self._second_get = Histogram(), Histogram()
        return both

    def document(self, tally: Tally, load: Load, asked: Asked) -> Bench:
        """All of it."""
        self._end_second()
        both = Histogram()
        both.merge(self._put)
        both.merge(self._get)
        of_both = _latency(both)
        return Bench(
            mode=asked.mode,
            clients=load.clients,
            inflight=load.inflight,
            ops=both.count,
            errors=tally.errors,
            unknown=tally.unknown,
            ops_per_s=round(both.count / tally.elapsed, 1) if tally.elapsed else 0.0,
            p50_ms=of_both.p50_ms,
            p95_ms=of_both.p95_ms,
            p99_ms=of_both.p99_ms,
            max_ms=of_both.max_ms,
            p90_ms=of_both.p90_ms,
            p999_ms=of_both.p999_ms,
            elapsed_ms=round(tally.elapsed * 1000, 1),
            rate_per_s=load.rate,
            unsent=tally.unsent,
            size_bytes=asked.size,
            keys=asked.keys,
            distribution=asked.distribution,
            read=load.read_mode,
            client=self._client(tally.elapsed),
            put=None if asked.mode == "get" else _latency(self._put),
            get=None if asked.mode == "put" else _latency(self._get),
        )

    def _client(self, elapsed: float) -> BenchClient:
        spent = time.process_time() - self._cpu_began
        cores = os.cpu_count() or 1
        share = spent / elapsed if elapsed else 0.0
        return BenchClient(
            cpu_ms=round(spent * 1000, 1),
            core_share=round(share, 3),
            cores=cores,
            machine_share=round(share / cores, 3),
        )


def _latency(of: Histogram) -> BenchLatency:
    p50, p90, p95, p99, p999, most = (_ms(of.at(s)) for s in (0.5, 0.9, 0.95, 0.99, 0.999, 1))
    return BenchLatency(of.count, p50, p90, p95, p99, p999, most)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
