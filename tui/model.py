"""What is known of a cluster, made of frames alone: live, recorded and simulated ones alike.

`ClusterModel.fold` is the one way in for frames. It does no I/O and reads no clock, so that to fold
a recording up to some moment gives what a viewer saw then. Two rules make that hold whatever the
network does:

- A frame of a node counts if it is newer than the last one of the same boot, so duplicates change
  nothing. A boot that began later replaces one that began earlier, never the other way round.
- What nodes share (the timeline, the entries) does not depend on whose frame came first.

Connections and processes are no frames: `reach` and `process` note what the viewer itself finds.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from node.wire.messages import Bulk, Changed, Frame, Gap, Happened, Keyframe
from tui.entries import Described, Run
from tui.nodes import Condition, NodeView, Process, Reach
from tui.shapes import checked
from tui.timeline import EVENTS_MAX, LATE_NS, Occurrence, Timeline

NODES_MAX = 256
"""More than a cluster may have: a recording may hold nodes that came and went."""


QUIET = frozenset(
    {
        *("age_ms", "election_in_ms", "election_timeout_ms", "leading_ms", "up_ms"),
        *("peers", "process"),
    }
)
"""Values that say no more than that time went by: nothing is painted for them."""


def _is_quiet(view: NodeView, values: Mapping[str, Any]) -> bool:
    """Whether nothing changes that can be seen but ages."""
    if values.keys() <= QUIET:
        return True
    if values.keys() - QUIET != {"progress"}:
        return False
    before, after = view.table("progress"), values["progress"]
    return before.keys() == after.keys() and all(
        before[peer].get(name) == after[peer].get(name)
        for peer in after
        for name in ("match_index", "next_index", "state", "snapshot")
    )


class ClusterModel:
    """Every node, the merged timeline and the applied entries.

    `version` grows with each change that can be seen: who paints compares it.
    """

    def __init__(self, events_max: int = EVENTS_MAX) -> None:
        self._events_max = events_max
        self.nodes: dict[int, NodeView] = {}
        self.timeline = Timeline(events_max)
        self.entries = Described()
        self.version = 0
        self.frames = 0
        self.now_ns = 0
        """The newest frame's monotonic time."""
        self.wall_offset_ns = 0
        """What to add to the nodes' monotonic time to get Unix time, as of the newest frame."""

    # -- taking frames -----------------------------------------------------------------------------
    def fold(self, frame: Frame, node: int) -> None:
        """Take one frame of node `node`."""
        view = self.nodes.get(node)
        if view is None:
            if len(self.nodes) >= NODES_MAX:
                return
            view = self.nodes[node] = NodeView(node)
        self.frames += 1
        if frame.mono_ns > self.now_ns:
            self.now_ns = frame.mono_ns
            self.wall_offset_ns = frame.wall_ns - frame.mono_ns
        if isinstance(frame, Happened):
            self._happened(view, frame)
        if isinstance(frame, Gap):
            self._gap(view, frame)
        elif self._is_news(view, frame):
            self._take_state(view, frame)

    def _is_news(self, view: NodeView, frame: Frame) -> bool:
        """Whether the frame is newer than what the view shows, and notes that it came."""
        if frame.boot != view.boot:
            if frame.mono_ns < view.seen_ns:
                return False  # of a life that is over
            view.boot, view.seq = frame.boot, 0
            view.is_whole = False
            view.runs.clear()
            view.tail.clear()
            view.rate.clear()
            view.applied_index = 0
            self.version += 1
        is_known = frame.seq <= view.seq
        if is_known and not (isinstance(frame, Keyframe) and frame.seq == view.seq):
            return False
        if view.is_whole and frame.seq > view.seq + 1:
            self._hole(view, frame)
        view.seq = frame.seq
        if frame.mono_ns > view.seen_ns:
            view.seen_ns, view.wall_ns = frame.mono_ns, frame.wall_ns
        return True

    def _take_state(self, view: NodeView, frame: Frame) -> None:
        match frame:
            case Keyframe():
                view.status, view.odd = checked(frame.status)
                view.is_whole = True
                view.told_ns = frame.mono_ns
                self.version += 1
                self._state_changed(view, view.status, frame.mono_ns)
            case Changed():
                values, odd = checked(frame.values)
                if odd or not _is_quiet(view, values):
                    self.version += 1
                view.odd = view.odd - values.keys() | odd
                for key in odd:
                    view.status.pop(key, None)
                view.status.update(values)
                view.told_ns = frame.mono_ns
                self._state_changed(view, values, frame.mono_ns)
            case Bulk():
                view.runs.append(Run(frame.first, frame.last, frame.mono_ns, frame.window_ms))
                self.entries.add(frame.entries)
                self._applied_up_to(view, frame.last, frame.mono_ns)
                self.version += 1

    def _state_changed(self, view: NodeView, values: Mapping[str, Any], mono_ns: int) -> None:
        if "leading_ms" in values:
            leading_ms = values["leading_ms"]
            is_led = isinstance(leading_ms, int)
            view.leading_since_ns = mono_ns - leading_ms * 1_000_000 if is_led else None
        self._applied_up_to(view, view.number("last_applied"), mono_ns)

    def _applied_up_to(self, view: NodeView, index: int, mono_ns: int) -> None:
        view.applied_index = max(view.applied_index, index)
        view.rate.add(mono_ns, view.applied_index)

    def _happened(self, view: NodeView, frame: Happened) -> None:
        # What a node had kept before the viewer came is old, not late.
        is_live = view.is_whole and view.boot == frame.boot and frame.seq > view.seq
        late = is_live and self.timeline.newest_ns - frame.mono_ns > LATE_NS
        occurrence = Occurrence(
            frame.mono_ns,
            view.node_id,
            frame.boot,
            frame.seq,
            frame.wall_ns,
            frame.kind,
            frame.term,
            frame.data,
            late,
        )
        if self.timeline.add(occurrence):
            self.version += 1

    def _gap(self, view: NodeView, frame: Gap) -> None:
        self._note_gap(view, frame, frame.first, frame.last, frame.why)
        if frame.boot == view.boot and frame.last > view.seq:
            view.seq = frame.last
            view.is_whole = False

    def _hole(self, view: NodeView, frame: Frame) -> None:
        """Frames that are missing although nobody said so."""
        self._note_gap(view, frame, view.seq + 1, frame.seq - 1, "missing")
        view.is_whole = isinstance(frame, Keyframe)

    def _note_gap(self, view: NodeView, frame: Frame, first: int, last: int, why: str) -> None:
        data = {"first": first, "last": last, "why": why}
        occurrence = Occurrence(
            frame.mono_ns, view.node_id, frame.boot, first, frame.wall_ns, "gap", 0, data
        )
        if self.timeline.add(occurrence):
            view.gaps += 1
            view.lost += max(last - first + 1, 0)
            self.version += 1

    # -- what the viewer finds out itself ----------------------------------------------------------
    def clear(self) -> None:
        """Forget the cluster: what comes now is of another one."""
        self.nodes = {}
        self.timeline = Timeline(self._events_max)
        self.entries = Described()
        self.version += 1

    def members(self, node_ids: Iterable[int]) -> None:
        """The nodes that the cluster has now: others are forgotten."""
        wanted = set(node_ids)
        for node_id in wanted - self.nodes.keys():
            self.nodes[node_id] = NodeView(node_id)
            self.version += 1
        for node_id in self.nodes.keys() - wanted:
            del self.nodes[node_id]
            self.version += 1
        self.nodes = dict(sorted(self.nodes.items()))

    def reach(self, node_id: int, reach: Reach) -> None:
        view = self.nodes.get(node_id)
        if view is not None and view.reach != reach:
            view.reach = reach
            self.version += 1

    def process(self, node_id: int, process: Process) -> None:
        view = self.nodes.get(node_id)
        if view is not None and view.process != process:
            view.process = process
            self.version += 1

    def note_odd(self, node_id: int, what: str) -> None:
        """What the node told is in a form that is not known here."""
        view = self.nodes.get(node_id)
        if view is not None and what not in view.odd:
            view.odd |= {what}
            self.version += 1

    def log_end(self, node_id: int, document: Mapping[str, Any]) -> None:
        """The end of a node's own log, committed or not, as it answered ReadLog."""
        view = self.nodes.get(node_id)
        if view is None:
            return
        entries: list[Mapping[str, Any]] = document["entries"]
        terms = {int(entry["index"]): int(entry["term"]) for entry in entries}
        applied = document["last_applied"]
        self.entries.add(entry for entry in entries if entry["index"] <= applied)
        if view.tail != terms:
            view.tail = terms
            self.version += 1

    def copy(self) -> "ClusterModel":
        """One that can be folded on without this one changing: a checkpoint of a replay."""
        other = ClusterModel()
        other.nodes = {node_id: view.copy() for node_id, view in self.nodes.items()}
        other.timeline, other.entries = self.timeline.copy(), self.entries.copy()
        other.version, other.frames = self.version, self.frames
        other.now_ns, other.wall_offset_ns = self.now_ns, self.wall_offset_ns
        return other

    # -- what follows from it ----------------------------------------------------------------------
    def ids(self) -> list[int]:
        return sorted(self.nodes)

    def leader(self, now_ns: int) -> NodeView | None:
        """Of the live nodes that lead by their own word, the one with the highest term."""
        claimants = [
            view
            for view in self.nodes.values()
            if view.text("role") == "leader" and view.condition(now_ns) is Condition.LIVE
        ]
        return max(claimants, key=lambda view: view.number("term"), default=None)

    def is_stale_leader(self, view: NodeView, now_ns: int) -> bool:
        """Whether the node says, or last said, that it leads, and another one does, or none."""
        return view.text("role") == "leader" and self.leader(now_ns) is not view

    @property
    def term(self) -> int:
        return max((view.number("term") for view in self.nodes.values()), default=0)

    @property
    def commit_index(self) -> int:
        return max((view.number("commit_index") for view in self.nodes.values()), default=0)

    @property
    def last_index(self) -> int:
        return max((view.number("last_index") for view in self.nodes.values()), default=0)

    def rate(self, now_ns: int) -> float:
        """Entries a second that take effect, on the node where most do."""
        live = [view for view in self.nodes.values() if view.is_live(now_ns)]
        return max((view.rate.per_second(now_ns) for view in live), default=0.0)

    def configuration(self) -> Mapping[str, Any]:
        """The newest one that a node knows; empty: none does."""
        known = [view for view in self.nodes.values() if view.table("configuration")]
        newest = max(known, key=lambda view: view.number("configuration_index"), default=None)
        return {} if newest is None else newest.table("configuration")

    def faults(self, now_ns: int) -> dict[int, list[Mapping[str, Any]]]:
        """The link rules in force on live nodes, by the number of their fault."""
        found: dict[int, dict[tuple[int, int], Mapping[str, Any]]] = {}
        for view in self.nodes.values():
            rules = view.status.get("faults")
            if not isinstance(rules, list) or not view.is_live(now_ns):
                continue
            for rule in rules:
                link = (int(rule.get("src", 0)), int(rule.get("dst", 0)))
                found.setdefault(int(rule.get("fault", 0)), {})[link] = rule
        return {fault: [*rules.values()] for fault, rules in sorted(found.items())}

    def link(self, source: int, target: int, now_ns: int) -> str:
        """up, slow, cut or down, as the source sees it; unknown when it does not live."""
        view = self.nodes[source]
        if not view.is_live(now_ns):
            return "unknown"
        return str(view.table("links").get(str(target), "down"))
