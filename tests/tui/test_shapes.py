"""Nodes that tell what is not expected: the viewer leaves it out, says so, and goes on."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.frames import Script, fold, live_cluster, progress_of, status_of
from tests.tui.pilot import Viewer, view
from tui.shapes import checked, is_log

ODD: list[tuple[str, Any]] = [
    ("term", "seven"),
    ("voted_for", {}),
    ("age_ms", []),
    ("leading_ms", "long"),
    ("first_index", "1"),
    ("links", {"2": 7}),
    ("link_errors", [1]),
    ("configuration", {"voters": 3}),
    ("configuration", {"voters": [None]}),
    ("snapshot", {"index": "9"}),
    ("disk", {"syncs": "many"}),
    ("counters", {"calls": {}}),
    ("faults", [3]),
    ("faults", [{"fault": "one"}]),
    ("faults", [{"fault": 1, "src": 1, "dst": 2, "latency_ms": "40"}]),
    ("node_faults", [{"fault": 1, "node": 1, "kind": "slow", "delay_us": "20"}]),
    ("node_faults", [{"fault": 1, "node": 1, "kind": "rate", "rate": math.nan}]),
    ("progress", {"2": None}),
    ("progress", {"2": {"match_index": "1"}}),
    ("progress", {"2": {**progress_of(1), "snapshot": {"bytes": 3}}}),
    ("last_leader", {"term": 1}),
    ("peers", {"2": {"rtt_ms": "soon"}}),
    ("process", {"cpu_percent": math.inf}),
    ("commits", {"p99_ms": math.nan}),
    ("settings", []),
    ("settings", {"raft": {"heartbeat_ms": "50"}}),
    ("in_touch", 3),
    ("elections", {"elections_won": None}),
]


@pytest.mark.parametrize(("key", "value"), ODD)
def test_an_odd_value_is_left_out_and_the_card_says_so(key: str, value: Any) -> None:
    async def test(viewer: Viewer) -> None:
        start = viewer.app.model.now_ns
        odd = Script(3, 9, start).keyframe(status_of(3, 5, 3)).changed(**{key: value})
        await viewer.fold(odd.frames)
        assert "unknown form:" in viewer.text("nodes")
        await viewer.press("3", "M", "enter", "3", "4", "1")
        script = Script(3, 10, start + 10**8).keyframe(status_of(3, 5, 3, **{key: value}))
        await viewer.fold(script.frames)
        await viewer.press("escape")
        assert "unknown form:" in viewer.text("nodes")
        again = script.changed(**{key: status_of(3, 5, 3)[key]}).frames[-1:]
        await viewer.fold(again)
        assert "unknown form:" not in viewer.text("nodes")

    view(test, live_cluster())


@given(
    st.dictionaries(st.sampled_from(sorted(status_of(1))), st.from_type(type(None)) | st.integers())
)
def test_whatever_is_told_is_kept_or_named(values: dict[str, Any]) -> None:
    kept, odd = checked(values)
    assert kept.keys() | odd == values.keys()
    assert not kept.keys() & odd


def test_what_nodes_really_tell_is_not_odd() -> None:
    status = status_of(1)
    assert checked(status) == (status, frozenset())


def test_a_log_that_is_none_is_seen() -> None:
    entry = {"index": 1, "term": 1, "kind": "command", "bytes": 3, "preview": "put"}
    ends = dict.fromkeys(("first_index", "last_index", "commit_index", "last_applied"), 1)
    assert is_log({**ends, "entries": [entry]})
    assert not is_log({**ends, "entries": [{"index": 1}]})
    assert not is_log({**ends, "entries": [entry], "last_index": "1"})
    assert not is_log({"entries": [entry]})


def test_a_value_that_became_odd_is_not_shown_as_it_was() -> None:
    script = Script(1).keyframe(status_of(1, term=7)).changed(term="eight")
    node = fold(script.frames).nodes[1]
    assert (node.number("term"), node.odd) == (0, frozenset({"term"}))
