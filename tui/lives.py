"""What became of a node's process: nobody that is gone can tell. Pure.

A viewer that watches sees the process end, be frozen and go on. Who only has the frames, as in a
recording, learns less, and later: that peers lost the node, and once it is back how long no frame
came. Both are events beside those that the nodes tell. What the viewer saw itself is not said once
more by the frames.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from node.wire.messages import Frame
from tui.nodes import STALE_NS, NodeView, Process
from tui.timeline import Occurrence

NEW_LIFE = "then a new process"
SAME_LIFE = "then the same process went on"
_BY_VIEWER: Mapping[str, Any] = {"seen": "by the viewer"}
"""Of what was found out by looking once a second: it was a moment before."""
_NO_SEQ = 0
"""Frames count from 1: the place of what is no frame is nobody else's."""


def seen(view: NodeView, before: Process, now_ns: int, wall_offset_ns: int) -> Occurrence | None:
    """What the viewer found when it looked at the process, which it knew as `before`.

    `now_ns` is on the nodes' clock, `wall_offset_ns` what to add for Unix time.
    """
    process, at_ns, data = view.process, now_ns, _BY_VIEWER
    match before.state, process.state:
        case "exited", "exited":
            return None
        case was, "exited" if not view.has_stopped:
            kind = "exited"
            if process.ended_at is not None:
                ended_ns = round(process.ended_at * 1e9) - wall_offset_ns
                # Negative, if the machine was booted since.
                at_ns, data = max(ended_ns, view.seen_ns) if view.seen_ns else ended_ns, {}
            elif was == "unknown":
                return None  # nobody knows when that was
            data = {"why": process.ending, **data}
        case "running", "paused":
            kind = "paused"
        case "paused", "running":
            kind = "resumed"
        case _:
            return None
    return _occurrence(view, at_ns, at_ns + wall_offset_ns, kind, data)


def away(view: NodeView, frame: Frame, how: str) -> Occurrence | None:
    """That no frame came for long in front of this one, unless the viewer saw why."""
    silent_ns = frame.mono_ns - view.seen_ns
    if view.looked_ns >= view.seen_ns or (how == SAME_LIFE and silent_ns <= STALE_NS):
        return None
    data = {"for_s": round(max(silent_ns, 0) / 1e9, 1), "how": how}
    return _occurrence(view, frame.mono_ns, frame.wall_ns, "away", data)


def lost(view: NodeView, before: Mapping[str, Any], frame: Frame) -> Iterator[Occurrence]:
    """The peers whose connections broke since the node told of its links `before`."""
    links = view.table("links")
    for peer, state in () if links is before else links.items():
        if state == "down" and before.get(peer) in ("up", "slow") and peer.isdecimal():
            event = _occurrence(view, frame.mono_ns, frame.wall_ns, "lost", {"node": f"n{peer}"})
            yield event._replace(seq=-int(peer))


def _occurrence(
    view: NodeView, mono_ns: int, wall_ns: int, kind: str, data: Mapping[str, Any]
) -> Occurrence:
    return Occurrence(mono_ns, view.node_id, view.boot, _NO_SEQ, wall_ns, kind, 0, data)
