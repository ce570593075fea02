"""What a node measured of itself, as documents."""

from dataclasses import dataclass, field


@dataclass
class Measured:
    """What a node measured of itself; quantiles are of the last minute."""

    commit_p50_ms: float | None = None
    """Of a leader: from an entry's arrival until it took effect."""
    commit_p99_ms: float | None = None
    flush_p50_ms: float | None = None
    flush_p99_ms: float | None = None
    rtt_ms: dict[str, float | None] = field(default_factory=dict)
    """Of a leader, by node: from an append to its answer."""
    elections_won: int | None = None
    elections_tried: int | None = None
    prevotes_won: int | None = None
    prevotes_tried: int | None = None
    cpu_percent: float | None = None
    rss_bytes: int | None = None
    files: int | None = None
    """Those that it has open."""
    database_bytes: int | None = None
    wal_bytes: int | None = None
