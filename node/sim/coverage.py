"""What a run met: a fault that never bit, or a rule that was never at stake, proves nothing."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from node.raft.events import (
    ConfigurationChanged,
    Event,
    LeaderElected,
    LogTruncated,
    RoleChanged,
    SnapshotInstalled,
    SnapshotSent,
    TransferEnded,
    VoteCast,
)
from node.verify.observation import Member, Operation

MARKS: Final = (
    "election",
    "re-election",
    "split vote",
    "leader deposed",
    "leader's death noticed",
    "log truncated",
    "snapshot taken",
    "snapshot installed",
    "snapshot sent in parts",
    "snapshot overtaken",
    "snapshot found in the log",
    "joint configuration",
    "member added",
    "member removed",
    "leader removed",
    "configuration rolled back",
    "leadership transferred",
    "transfer given up",
    "crash in a flush",
    "restart",
    "restart from a snapshot",
    "disk full",
    "disk failed",
    "disk stalled",
    "entry rotten",
    "snapshot rotten",
    "damage found at a start",
    "node wiped",
    "message lost",
    "message doubled",
    "message late",
    "link cut",
    "link slow",
    "node paused",
    "clock off",
    "lease read",
    "stale read",
    "follower read",
    "forwarded write",
    "outcome unknown",
    "write retried",
    "batch asked",
    "batch asked again",
    "session evicted",
    "refused compare-and-set",
)
"""What is worth meeting. All of a long series of runs together have to meet each of them."""


class Coverage:
    """Counts by mark. `tell` and the methods named after happenings are how it hears."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._leader, self._leader_term = 0, 0
        self._candidates: dict[int, set[int]] = {}
        self._configurations: dict[int, ConfigurationChanged] = {}

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(mark for mark in MARKS if not self.counts[mark])

    def met(self, mark: str, times: int = 1) -> None:
        assert mark in MARKS, mark
        self.counts[mark] += times

    def tell(self, node_id: int, event: Event) -> None:
        """Something that a core reports."""
        match event:
            case LeaderElected(term=term):
                self.met("re-election" if self._leader else "election")
                if term > self._leader_term:
                    self._leader, self._leader_term = node_id, term
            case RoleChanged(role="candidate", term=term):
                rivals = self._candidates.setdefault(term, set())
                rivals.add(node_id)
                if len(rivals) == 2:
                    self.met("split vote")
                self._candidates = {t: who for t, who in self._candidates.items() if t >= term - 4}
            case RoleChanged(role="follower", term=term):
                if self._leader == node_id:
                    self.met("leader deposed")
            case LogTruncated():
                self.met("log truncated")
            case SnapshotInstalled():
                self.met("snapshot installed")
            case SnapshotSent():
                self.met("snapshot sent in parts")
            case TransferEnded(ok=ok):
                self.met("leadership transferred" if ok else "transfer given up")
            case ConfigurationChanged():
                self._configuration_changed(node_id, event)
            case VoteCast() | _:
                pass

    def _configuration_changed(self, node_id: int, event: ConfigurationChanged) -> None:
        before = self._configurations.get(node_id)
        self._configurations[node_id] = event
        if event.configuration.is_joint:
            self.met("joint configuration")
        if before is None:
            return
        if event.index < before.index:
            self.met("configuration rolled back")
            return
        old, new = before.configuration.members, event.configuration.members
        if new - old:
            self.met("member added")
        if old - new:
            self.met("member removed")
            if self._leader in old - new:
                self.met("leader removed")

    # -- happenings --------------------------------------------------------------------------------
    def captured(self, member: Member, index: int, digest: bytes) -> None:
        self.met("snapshot taken")

    def restored(self, member: Member, index: int, digest: bytes) -> None:
        if not member.is_running:
            self.met("restart from a snapshot")

    def declined(self, member: Member, index: int, commit_index: int) -> None:
        is_known = index <= commit_index
        self.met("snapshot overtaken" if is_known else "snapshot found in the log")

    def disk_failed(self, member: Member) -> None:
        self.met("disk failed")

    def answered(self, operation: Operation) -> None:
        self.met("session evicted", operation.sessions_lost)
        if operation.place == 0:
            self.met("batch asked")
            if operation.attempts > 1 and operation.sequence:
                self.met("batch asked again")
        if operation.outcome == "unknown":
            self.met("outcome unknown")
        elif operation.outcome == "ok":
            self._succeeded(operation)

    def _succeeded(self, operation: Operation) -> None:
        is_read = operation.kind == "get"
        if operation.asked is not None and operation.asked != self._leader:
            self.met("follower read" if is_read else "forwarded write")
        if is_read and operation.mode != "linearizable":
            self.met(f"{operation.mode} read")
        elif operation.kind == "cas" and not operation.result[0]:
            self.met("refused compare-and-set")
        if operation.attempts > 1 and not is_read:
            self.met("write retried")


def total(runs: Iterable[Counter[str]]) -> Counter[str]:
    """Of several runs together."""
    result: Counter[str] = Counter()
    for counts in runs:
        result.update(counts)
    return result
