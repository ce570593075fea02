"""The shapes of what nodes tell of themselves. Pure.

The codec checks frames, not what lies in a status or a log document: a node of another version, or
a recording of one, may have anything there. It is checked once, where it comes in, so that whoever
draws may rely on it. A key that is not known here is kept: nobody looks at it.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Check = Callable[[object], bool]


class Checked(NamedTuple):
    """`values` of the shapes that are expected, and the names of the `odd` ones, left out."""

    values: dict[str, Any]
    odd: frozenset[str]


def _is(*types: type) -> Check:
    return lambda value: type(value) in types


def _list_of(check: Check) -> Check:
    return lambda value: type(value) is list and all(map(check, value))


def _map_of(check: Check) -> Check:
    return lambda value: (
        type(value) is dict
        and all(type(key) is str for key in value)
        and all(map(check, value.values()))
    )


def _none_or(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _record(checks: Mapping[str, Check], needs: frozenset[str] = frozenset()) -> Check:
    """A map in which these keys, where they are there, are so. `needs`: those that have to be."""
    return lambda value: (
        type(value) is dict
        and needs <= value.keys()
        and all(check(value[key]) for key, check in checks.items() if key in value)
    )


def _is_decimal(value: object) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


_NUMBER, _TEXT, _FLAG, _DECIMAL = _is(int), _is(str), _is(bool), _is_decimal
_NUMBERS = _list_of(_NUMBER)
_SENDING = {"acked_bytes": _NUMBER, "bytes": _NUMBER}
_QUANTILES = dict.fromkeys(("p50_ms", "p99_ms"), _none_or(_DECIMAL))
_PROGRESS = {
    "match_index": _NUMBER,
    "next_index": _NUMBER,
    "state": _TEXT,
    "inflight": _NUMBER,
    "heard_ms": _none_or(_NUMBER),
    "snapshot": _none_or(_record(_SENDING, frozenset(_SENDING))),
}
_LEADER = dict.fromkeys(("term", "id"), _NUMBER)
_SETTINGS = {
    "raft": _record({"heartbeat_ms": _NUMBER, "election_timeout_ms": _NUMBER}),
    "limits": _is(dict),
    "recording": _is(dict),
}
_DISK = {
    "syncs": _NUMBER,
    "full": _FLAG,
    "stalled": _FLAG,
    **dict.fromkeys(("bytes", "wal_bytes"), _none_or(_NUMBER)),
    "last_ms": _DECIMAL,
    **_QUANTILES,
}
_STATUS: Mapping[str, Check] = {
    **dict.fromkeys(("id", "boot", "pid", "term", "first_index", "last_index"), _NUMBER),
    **dict.fromkeys(("commit_index", "last_applied", "configuration_index", "up_ms"), _NUMBER),
    **dict.fromkeys(("voted_for", "leader", "leading_ms", "age_ms"), _none_or(_NUMBER)),
    **dict.fromkeys(("election_in_ms", "election_timeout_ms", "port"), _none_or(_NUMBER)),
    "last_leader": _none_or(_record(_LEADER, frozenset(_LEADER))),
    "in_touch": _NUMBERS,
    "elections": _map_of(_NUMBER),
    "commits": _record(_QUANTILES),
    "peers": _map_of(_record(dict.fromkeys(("rtt_ms", "out_per_s"), _none_or(_DECIMAL)))),
    "process": _map_of(_none_or(_DECIMAL)),
    "settings": _record(_SETTINGS),
    "compaction": _map_of(_NUMBER),
    "role": _TEXT,
    "machine": _TEXT,
    "voting": _FLAG,
    "configuration": _record(
        dict.fromkeys(("voters", "learners", "outgoing", "promotable"), _NUMBERS)
    ),
    "snapshot": _none_or(_record(dict.fromkeys(("index", "term", "bytes"), _NUMBER))),
    "links": _map_of(_TEXT),
    "link_errors": _map_of(_TEXT),
    "progress": _map_of(_record(_PROGRESS)),
    "faults": _list_of(
        _record(
            dict.fromkeys(("fault", "src", "dst", "rate_bytes_s"), _NUMBER)
            | dict.fromkeys(("latency_ms", "jitter_ms"), _DECIMAL)
            | dict.fromkeys(("drop", "duplicate", "reorder", "corrupt"), _DECIMAL)
        )
    ),
    "node_faults": _list_of(
        _record(
            dict.fromkeys(("fault", "node", "delay_us"), _NUMBER)
            | {"kind": _TEXT, "rate": _DECIMAL}
        )
    ),
    "disk": _record(_DISK),
    "counters": _map_of(_DECIMAL),
}
_ENTRY = {"index": _NUMBER, "term": _NUMBER, "kind": _TEXT, "bytes": _NUMBER, "preview": _TEXT}
_LOG = {
    **dict.fromkeys(("first_index", "last_index", "commit_index", "last_applied"), _NUMBER),
    "entries": _list_of(_record(_ENTRY, frozenset({"index", "term"}))),
}
_NOTHING: frozenset[str] = frozenset()
is_log = _record(_LOG, frozenset(_LOG))
"""Whether it is a log document, as ReadLog is answered."""


def checked(status: Mapping[str, Any]) -> Checked:
    """A status, or the changed part of one."""
    odd = {key for key, value in status.items() if key in _STATUS and not _STATUS[key](value)}
    if not odd:
        return Checked(dict(status), _NOTHING)
    return Checked({key: status[key] for key in status.keys() - odd}, frozenset(odd))
