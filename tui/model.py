"""What is known of a cluster, made of frames alone: live, recorded and simulated ones alike.

`ClusterModel.fold` is the one way in for frames. It does no I/O and reads no clock, so that to fold
a recording up to some moment gives what a viewer saw then. Two rules make that hold whatever the
network does:

- `node.wire.following` says of each frame whether it is new: duplicates change nothing, and a life
  that began later replaces one that began earlier, never the other way round.
- What nodes share (the timeline, the entries) does not depend on whose frame came first.

Connections and processes are no frames: `reach` and `process` note what the viewer itself finds.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from node.wire.messages import Bulk, Changed, Frame, Gap, Happened, Keyframe
from node.wire.recording import CLUSTER
from tui import lives
from tui.entries import Described, Run
from tui.nodes import SILENT, Condition, NodeView, Process, Reach
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


def _place_of(frame: Happened | Gap, node: int) -> tuple[int, int, int, int, int]:
    """Where in the timeline it stands: a Gap in the place of the first frame that is missing."""
    seq = frame.first if isinstance(frame, Gap) else frame.seq
    return frame.mono_ns, node, frame.boot, seq, frame.wall_ns


def _event_of(frame: Happened, node: int) -> Occurrence:
    return Occurrence(*_place_of(frame, node), frame.kind, frame.term, frame.data)


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
        self.led_term = 0
        """The highest term in which a node is known to have led, whatever became of it."""
        self.now_ns = 0
        """The newest frame's monotonic time."""
        self.wall_offset_ns = 0
        """What to add to the nodes' monotonic time to get Unix time, as of the newest frame."""

    # -- taking frames -----------------------------------------------------------------------------
    def fold(self, frame: Frame, node: int) -> list[Occurrence]:
        """Take one frame of node `node`, or of the cluster. Gives what is new in the timeline."""
        self.frames += 1
        if frame.mono_ns > self.now_ns:
            self.now_ns = frame.mono_ns
            self.wall_offset_ns = frame.wall_ns - frame.mono_ns
        if node == CLUSTER:
            return self._add(_event_of(frame, node)) if isinstance(frame, Happened) else []
        view = self.nodes.get(node)
        if view is None:
            if len(self.nodes) >= NODES_MAX:
                return []
            view = self.nodes[node] = NodeView(node)
        following, added = view.following, list[Occurrence]()
        boot, was_whole = following.boot, following.is_whole
        is_next = was_whole
        for each in following.take(frame):
            if following.boot != boot:
                if boot and not view.has_stopped:
                    added += self._add(lives.away(view, each, lives.NEW_LIFE))
                boot, was_whole, is_next = following.boot, False, False
                self._begin_anew(view)
            if isinstance(each, Gap):
                is_next = False
                added += self._gap(view, each)
                continue
            if is_next:
                added += self._add(lives.away(view, each, lives.SAME_LIFE))
            if each.mono_ns > view.seen_ns:
                view.seen_ns, view.wall_ns = each.mono_ns, each.wall_ns
            if isinstance(each, Happened):
                # What a node had kept before the viewer came is old, not late.
                added += self._happened(view, each, may_be_late=was_whole)
            else:
                links = view.table("links") if is_next else {}
                self._take_state(view, each)
                for event in lives.lost(view, links, each):
                    added += self._add(event)
        return added

    def _begin_anew(self, view: NodeView) -> None:
        """It is another life of the node."""
        view.has_stopped = False
        view.runs.clear()
        view.tail.clear()
        view.rate.clear()
        view.growth.clear()
        view.applied_index = 0
        self.version += 1

    def _take_state(self, view: NodeView, frame: Frame) -> None:
        match frame:
            case Keyframe():
                view.status, view.odd = checked(frame.status)
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
        if view.text("role") == "leader" or view.number("leader"):
            self.led_term = max(self.led_term, view.number("term"))
        self._applied_up_to(view, view.number("last_applied"), mono_ns)
        view.growth.add(mono_ns, view.number("last_index"), view.number("commit_index"))

    def _applied_up_to(self, view: NodeView, index: int, mono_ns: int) -> None:
        view.applied_index = max(view.applied_index, index)
        view.rate.add(mono_ns, view.applied_index)

    def _happened(self, view: NodeView, frame: Happened, may_be_late: bool) -> list[Occurrence]:
        if frame.kind in ("leader", "follow"):
            self.led_term = max(self.led_term, frame.term)
        if frame.kind == "stop":
            view.has_stopped = True
        late = may_be_late and self.timeline.newest_ns - frame.mono_ns > LATE_NS
        return self._add(_event_of(frame, view.node_id)._replace(late=late))

    def _gap(self, view: NodeView, frame: Gap) -> list[Occurrence]:
        """Frames that the node says are lost, or that are missing although nobody said so."""
        data = {"first": frame.first, "last": frame.last, "why": frame.why}
        added = self._add(Occurrence(*_place_of(frame, view.node_id), "gap", 0, data))
        if added:
            view.gaps += 1
            view.lost += frame.last - frame.first + 1
        return added

    def _add(self, occurrence: Occurrence | None) -> list[Occurrence]:
        """What of it is new."""
        if occurrence is None or not self.timeline.add(occurrence):
            return []
        self.version += 1
        return [occurrence]

    # -- what the viewer finds out itself ----------------------------------------------------------
    def clear(self) -> None:
        """Forget the cluster: what comes now is of another one."""
        self.nodes = {}
        self.timeline = Timeline(self._events_max)
        self.entries = Described()
        self.led_term = 0
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

    def process(self, node_id: int, process: Process, now_ns: int = 0) -> None:
        """`now_ns`: when that was found, on the nodes' clock; 0: with the newest frame."""
        view = self.nodes.get(node_id)
        if view is None or view.process == process:
            return
        before, view.process = view.process, process
        now_ns = now_ns or self.now_ns
        event = lives.seen(view, before, now_ns, self.wall_offset_ns)
        if event is not None:
            self._add(event)
            view.looked_ns = now_ns
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
        other.version, other.frames, other.led_term = self.version, self.frames, self.led_term
        other.now_ns, other.wall_offset_ns = self.now_ns, self.wall_offset_ns
        return other

    # -- what follows from it ----------------------------------------------------------------------
    def ids(self) -> list[int]:
        return sorted(self.nodes)

    def leader(self, now_ns: int) -> NodeView | None:
        """The live node that leads by its own word, if nothing that is known speaks against it."""
        claimants = [
            view
            for view in self.nodes.values()
            if view.text("role") == "leader" and view.condition(now_ns) is Condition.LIVE
        ]
        newest = max(claimants, key=lambda view: view.number("term"), default=None)
        return None if newest is None or self._is_deposed(newest) else newest

    def _is_deposed(self, view: NodeView) -> bool:
        """Whether another node is known to have led in a later term, or so many are in one that no
        quorum is left to this one: it may not have heard of that.
        """
        term = view.number("term")
        if term < self.led_term:
            return True
        later = {other.node_id for other in self.nodes.values() if other.number("term") > term}
        # Who got a vote in a later term was in that term, even if its own word did not come.
        later |= {self.nodes[node_id].number("voted_for") for node_id in later}
        voters = set(self.configuration().get("voters", ())) or self.nodes.keys()
        return 2 * len(voters - later) <= len(voters)

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

    def node_faults(self, now_ns: int) -> dict[int, list[Mapping[str, Any]]]:
        """The rules about disks and clocks in force on live nodes, and those that ended a node, by
        the number of their fault.
        """
        found: dict[int, list[Mapping[str, Any]]] = {}
        for view in self.nodes.values():
            rules = view.status.get("node_faults") if view.is_live(now_ns) else None
            for rule in rules if isinstance(rules, list) else ():
                found.setdefault(int(rule.get("fault", 0)), []).append(rule)
            if view.process.fault is not None:
                rule = {"fault": view.process.fault, "node": view.node_id, "kind": "fail"}
                found.setdefault(view.process.fault, []).append(rule)
        return dict(sorted(found.items()))

    def count_faults(self, now_ns: int) -> int:
        """Of both kinds."""
        return len({*self.faults(now_ns), *self.node_faults(now_ns)})

    def link(self, source: int, target: int, now_ns: int) -> str:
        """up, slow, cut or down, as the source sees it; unknown when it does not live, or does not
        say, as a simulated one, and when the target is silent over a connection that is still open.
        """
        view, other = self.nodes[source], self.nodes.get(target)
        if not view.is_live(now_ns):
            return "unknown"
        state = str(view.table("links").get(str(target), "unknown"))
        is_silent = other is not None and other.condition(now_ns) in SILENT
        return "unknown" if is_silent and state in ("up", "slow") else state
