"""What every drawing needs to know: the model, at which moment, and what was chosen."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tui.drawing.text import Line, duration
from tui.model import ClusterModel
from tui.nodes import Condition, NodeView

ROLES = {
    "leader": "LEADER",
    "follower": "follower",
    "candidate": "candidate",
    "precandidate": "pre-cand",
    "learner": "learner",
}
CONDITION_STYLES = {
    Condition.CONNECTING: "dim",
    Condition.LIVE: "good",
    Condition.STALE: "warn",
    Condition.PAUSED: "warn",
    Condition.STOPPED: "bad",
    Condition.EXITED: "bad",
    Condition.UNREACHABLE: "bad",
    Condition.REFUSES: "bad",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """`now_ns` is on the nodes' monotonic clock; `chosen` is the selected node.

    `pattern`: only events with this text. `line`: how a command line about the cluster begins.
    `replay`: nothing here is live, however it looks. `leaving`: nodes that commands of the viewer
    take away, though they may still look alive. `remedies`: the keys that bring nodes back.
    """

    model: ClusterModel
    now_ns: int
    name: str
    line: str = "raftctl"
    chosen: int | None = None
    pattern: str = ""
    replay: bool = False
    frozen: bool = False
    leaving: frozenset[int] = frozenset()
    remedies: Mapping[Condition, str] = field(default_factory=dict)

    @property
    def wall_ns(self) -> int:
        """Unix time at this moment."""
        return self.now_ns + self.model.wall_offset_ns

    @property
    def leader(self) -> NodeView | None:
        return self.model.leader(self.now_ns)

    def condition(self, view: NodeView) -> Condition:
        return view.condition(self.now_ns)

    def is_live(self, view: NodeView) -> bool:
        return view.is_live(self.now_ns)

    @property
    def is_counting(self) -> bool:
        """Whether something is shown that runs on from moment to moment."""
        if self.frozen:
            return False
        return any(view.is_counting(self.now_ns) for view in self.model.nodes.values())

    def title(self, view: NodeView) -> Line:
        """The role of a live node, the condition of any other; a stale leader struck through."""
        condition = self.condition(view)
        if condition is not Condition.LIVE:
            words: Line = [(self.ending(view), CONDITION_STYLES[condition])]
            if view.text("role") == "leader":
                words += [(" ", ""), ("LEADER", "strike dim")]
            return words
        role = view.text("role")
        if role == "leader":
            if self.model.is_stale_leader(view, self.now_ns):
                return [("LEADER", "strike warn"), (" stale", "warn")]
            return [("★ LEADER", "leader bold")]
        style = "warn" if role in ("candidate", "precandidate") else ""
        return [(ROLES.get(role, role).upper() or "?", style)]

    def ending(self, view: NodeView) -> str:
        """KILLED, STOPPED and so on, for a node whose process is gone; else its condition."""
        condition = self.condition(view)
        if self.replay and condition is Condition.CONNECTING:
            return "NOT YET"  # nothing connects in a recording
        how = view.process.how.split(" ")[0].upper()
        return how[:12] if condition is Condition.EXITED and how else str(condition)

    def age_s(self, view: NodeView) -> float | None:
        """Since when its process is gone, or how old what is known of it is; None: nothing is."""
        ended_at = view.process.ended_at
        if self.condition(view) is Condition.EXITED and ended_at is not None:
            return max(self.wall_ns / 1e9 - ended_at, 0)
        return view.age_s(self.now_ns)

    def cause(self, view: NodeView) -> str:
        """Why a node does not live, and for how long."""
        age = view.age_s(self.now_ns)
        match self.condition(view):
            case Condition.EXITED:
                age = self.age_s(view)
                how = view.process.ending
                return how if age is None else f"{how} {ago(age)}"
            case Condition.PAUSED:
                return "frozen by SIGSTOP"
            case Condition.STOPPED:
                return f"stopped in good order {ago(age or 0)}"
            case Condition.UNREACHABLE | Condition.REFUSES:
                return view.reach.why
            case Condition.STALE:
                return f"silent for {ago(age or 0).removesuffix(' ago')}"
            case Condition.CONNECTING:
                return "told of later" if self.replay else "connecting"
            case _:
                return ""

    def remedy(self, view: NodeView) -> str:
        """The key that brings it back, where there is one; of a disk that fails what ends that."""
        if view.process.fault is not None:
            return f"{self.line} heal {view.process.fault}"
        return self.remedies.get(self.condition(view), "")

    def lag(self, view: NodeView) -> int:
        """How many entries it is behind the highest commit that is known."""
        return max(self.model.commit_index - view.applied_index, 0)


def ago(seconds: float) -> str:
    return f"{duration(seconds)} ago"
