"""Why a cluster has no leader, or what may cost it the one it has; and what to type next.

Pure: it looks at a `Scene` and at nothing else.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from node.raft.quorum import majority
from raftctl.cluster.comparing import counted
from raftctl.cluster.scene import Scene
from raftctl.cluster.survivors import arithmetic, names
from raftctl.clusterdocs import Finding
from raftctl.values import size_text

FLUSHES_PER_TIMEOUT_MIN = 2
"""An election takes two, one after the other: the candidate's vote for itself, and the others'."""
DETAILS_MAX = 500


@dataclass(frozen=True, slots=True)
class _Report:
    """Makes findings about one cluster."""

    scene: Scene

    def add(
        self,
        code: str,
        severity: str,
        text: str,
        hint: str = "",
        node: int | None = None,
        check: str = "",
    ) -> Finding:
        scene = self.scene
        where = scene.name if node is None else f"{scene.name}/n{node}"
        return Finding(
            check=check or code.partition("_")[0],
            ok=severity != "error",
            message=f"{where}: {text}"[:DETAILS_MAX],
            hint=hint,
            code=code,
            severity=severity,
            cluster=scene.name,
            node=None if node is None else f"n{node}",
        )


def diagnose(scene: Scene) -> list[Finding]:
    """What there is to say: first about the whole, then node by node."""
    report = _Report(scene)
    if scene.is_stopped:
        text = f"nothing of it runs: {scene.line} up starts it"
        return [report.add("stopped", "info", text, check="leader")]
    if scene.leader is None:
        findings = [_no_leader(scene, report), *_who_could_lead(scene, report)]
    else:
        findings = [_leader(scene, report), *_margin(scene, report), *_progress(scene, report)]
    for node_id in sorted(scene.rows):
        findings += _node(scene, report, node_id)
    findings += _links(scene, report)
    return findings


# -- without a leader ------------------------------------------------------------------------------
def _no_leader(scene: Scene, report: _Report) -> Finding:
    """The first thing that stands in the way, since the others matter only after it."""
    configuration = scene.configuration
    able = scene.able
    if not configuration.has_quorum(able):
        text = f"no leader, too few voters answer: {arithmetic(configuration, able)}"
        return report.add("no_quorum", "error", text, _way_to_a_quorum(scene), check="leader")
    unwell = [n for n in able if _disk_trouble(scene, n)]
    if not configuration.has_quorum(set(able) - set(unwell)):
        text = f"no leader, the disks of {names(unwell)} do not keep up: "
        text += arithmetic(configuration, set(able) - set(unwell))
        hint = _healing(scene, unwell) or f"df -h {scene.folder}"
        return report.add("no_disk", "error", text, hint, check="leader")
    reached = {n: scene.reached_by(n) for n in able}
    best = max(able, key=lambda n: (len(reached[n]), -n))
    if not any(configuration.has_quorum(each) for each in reached.values()):
        text = f"no leader, the voters that answer do not reach each other: {_sides(scene)}"
        hint = f"{scene.line} heal all" if scene.faults else f"{scene.line} logs n{best}"
        return report.add("no_connection", "error", text, hint, check="leader")
    return _electing(scene, report)


def _way_to_a_quorum(scene: Scene) -> str:
    """What brings enough voters back; recovery where nothing can."""
    line = scene.line
    missing = [n for n in scene.voters if n not in scene.able and n not in scene.answers]
    here = {n: scene.rows[n].proc for n in missing if n in scene.rows and n not in scene.lost}
    back = {
        "resume": [n for n, proc in here.items() if proc == "paused"],
        "start": [n for n, proc in here.items() if proc == "exited"],
        "restart": [n for n, proc in here.items() if proc == "unreachable"],
    }
    if scene.configuration.has_quorum({*scene.able, *here}):
        return ", ".join(f"{line} {verb} {names(which)}" for verb, which in back.items() if which)
    left = sorted({*scene.able, *here})
    if left:
        return f"the others are lost: {line} recover {names(left)} goes on without them"
    return f"all data is lost: {line} snapshot restore FILE goes back to a snapshot"


def _sides(scene: Scene) -> str:
    """n1 reaches n2 (2 of 3); n3 reaches nobody (1 of 3)."""
    parts = []
    count = len(scene.voters)
    for node_id in scene.able:
        reached = scene.reached_by(node_id)
        whom = names(set(reached) - {node_id}) if len(reached) > 1 else "nobody"
        parts.append(f"n{node_id} reaches {whom} ({len(reached)} of {count})")
    needs = majority(len(scene.configuration.voters))
    return f"{', '.join(parts)}; {needs} {'is' if needs == 1 else 'are'} needed"


def _electing(scene: Scene, report: _Report) -> Finding:
    timeout = scene.election_timeout_ms
    slow = [n for n in scene.able if _flush_ms(scene, n) * FLUSHES_PER_TIMEOUT_MIN > timeout]
    if slow:
        text = (
            f"no leader, elections take longer than the election timeout of {timeout} ms: a flush "
            f"takes {max(_flush_ms(scene, n) for n in slow):.0f} ms on {names(slow)}"
        )
        hint = "raft.election_timeout_ms in cluster.json, ten times as long as a flush"
        return report.add("slow_flush", "error", text, hint, check="leader")
    term = max(answer["term"] for answer in scene.answers.values())
    text = f"no leader yet, an election is under way in term {term}"
    hint = f"{scene.line} wait leader; {scene.line} events --kind prevote says what goes on"
    return report.add("electing", "error", text, hint, check="leader")


def _who_could_lead(scene: Scene, report: _Report) -> Iterator[Finding]:
    """A log that is behind cannot win a vote of one that is ahead (paper 5.4.1)."""
    ends = {n: scene.ends[n] for n in scene.voters if n in scene.ends}
    if len(ends) < 2:
        return
    newest = max(ends, key=lambda n: (ends[n].term, ends[n].index, -n))
    top = (ends[newest].term, ends[newest].index)
    for node_id, end in ends.items():
        if (end.term, end.index) == top:
            continue
        text = (
            f"its log ends at entry {end.index:,} of term {end.term}, behind n{newest} "
            f"({top[1]:,}, term {top[0]}), whose vote it cannot win"
        )
        yield report.add("log_behind", "info", text, node=node_id)


# -- with a leader ---------------------------------------------------------------------------------
def _leader(scene: Scene, report: _Report) -> Finding:
    answer = scene.answers[scene.leader or 0]
    text = f"n{scene.leader} leads in term {answer['term']}"
    return report.add("leader", "ok", text)


def _margin(scene: Scene, report: _Report) -> Iterator[Finding]:
    """How many more failures it survives."""
    configuration, line, able = scene.configuration, scene.line, set(scene.able)
    count = len(configuration.voters)
    counts = arithmetic(configuration, able)
    is_fragile = any(not configuration.has_quorum(able - {n}) for n in able)
    if is_fragile and count > 2:
        text = f"one more failure may stop it, {counts}"
        yield report.add("no_spare", "warning", text, _way_to_a_quorum(scene), check="quorum")
    else:
        yield report.add("quorum", "ok", counts)
    if configuration.is_joint:
        text = f"the voters are being changed, {names(configuration.outgoing)} to "
        text += f"{names(configuration.voters)}: decisions take a majority of both"
        yield report.add("members_joint", "info", text)
    elif count == 1:
        text = "one voter alone: it survives no failure"
        yield report.add("voters_one", "info", text, check="members")
    elif count == 2:
        text = "of 2 voters both are needed: it fails when either does, more often than one alone"
        yield report.add("voters_two", "warning", text, f"{line} members add", check="members")
    elif count % 2 == 0:
        text = (
            f"{count} voters survive {count - majority(count)}, as many as {count - 1} do, and "
            "need one more for each decision"
        )
        hint = f"{line} members add, or {line} members demote n{max(configuration.voters)}"
        yield report.add("voters_even", "warning", text, hint, check="members")


def _progress(scene: Scene, report: _Report) -> Iterator[Finding]:
    """Members that do not keep up with the leader."""
    later = scene.later.get(scene.leader or 0, {}).get("progress", {})
    for node_id, progress in sorted(scene.view.progress.items()):
        match = int(progress["match_index"])
        behind = scene.view.last_index - match
        after = later.get(str(node_id), progress)
        stands = bool(later) and int(after["match_index"]) == match and "snapshot" not in after
        is_joining = node_id in scene.configuration.promotable
        if node_id not in scene.answers or behind <= 0:
            continue
        if stands and is_joining:
            text = f"it is joining, and makes no progress: {match:,} of {scene.view.last_index:,}"
            yield report.add("learner_stuck", "warning", text, _look_at(scene, node_id), node_id)
        elif behind > max(scene.tail, 1):
            text = f"it is {behind:,} entries behind, and will be sent a snapshot"
            yield report.add("log_far", "warning", text, f"{scene.line} members ls", node_id)
        elif stands:
            text = f"it stays {counted(behind)} behind the leader"
            yield report.add("log_stuck", "warning", text, _look_at(scene, node_id), node_id)


def _look_at(scene: Scene, node_id: int) -> str:
    return f"{scene.line} logs n{node_id}, {scene.line} faults"


# -- one node --------------------------------------------------------------------------------------
def _node(scene: Scene, report: _Report, node_id: int) -> Iterator[Finding]:
    row, line = scene.rows[node_id], scene.line
    severity = "error" if scene.leader is None else "warning"
    if node_id not in scene.configuration.electorate and scene.leader is None:
        text = "it has no vote: it is a learner, or no member"
        yield report.add("node_voteless", "info", text, node=node_id)
    if node_id in scene.lost and row.proc == "exited":
        text = f"it cannot come back, {scene.lost[node_id]}"
        hint = f"{line} members replace n{node_id}"
        if scene.leader is None:
            hint = f"once there is a leader: {hint}"
        yield report.add("node_lost", severity, text, hint, node_id)
    elif row.proc != "running":
        code = {"paused": "node_paused", "exited": "node_down"}.get(row.proc, "node_unreachable")
        yield report.add(code, severity, row.note or row.proc, row.remedy, node_id)
    elif not scene.answers[node_id]["voting"]:
        text = "it was wiped: it forgot what it promised, so it has no vote and takes no entries"
        hint = f"{line} members replace n{node_id}"
        if scene.leader is None:
            hint = f"once there is a leader: {hint}"
        yield report.add("node_wiped", severity, text, hint, node_id)
    if node_id in scene.answers:
        yield from _disk(scene, report, node_id)


def _disk_trouble(scene: Scene, node_id: int) -> str:
    disk = scene.answers[node_id]["disk"]
    if disk["full"]:
        return "full"
    return "stalled" if disk.get("stalled") else ""


def _healing(scene: Scene, nodes: Iterable[int]) -> str | None:
    """What to type where a fault makes one of these disks full or slow; None: nobody knows why."""
    for node_id in nodes:
        for rule in scene.answers[node_id].get("node_faults", ()):
            if rule["kind"] in ("full", "slow"):
                return f"{scene.line} heal {rule['fault']}"
    return None


def _flush_ms(scene: Scene, node_id: int) -> float:
    return float(scene.answers[node_id]["disk"]["last_ms"])


def _disk(scene: Scene, report: _Report, node_id: int) -> Iterator[Finding]:
    trouble, timeout = _disk_trouble(scene, node_id), scene.election_timeout_ms
    healing = _healing(scene, [node_id])
    if trouble == "full":
        text = "its disk is full: it takes no writes, and goes on when there is room"
        hint = healing or f"df -h {scene.folder}"
        yield report.add("disk_full", "error", text, hint, node_id)
    elif trouble == "stalled":
        text = "its disk hangs: a write has taken many election timeouts, and has not ended"
        hint = healing or "what does the system say? dmesg | tail, iostat -x 1"
        yield report.add("disk_stalled", "error", text, hint, node_id)
    elif _flush_ms(scene, node_id) * FLUSHES_PER_TIMEOUT_MIN > timeout:
        text = (
            f"its last flush took {_flush_ms(scene, node_id):.0f} ms, against an election timeout "
            f"of {timeout} ms"
        )
        hint = healing or "another disk, or a longer raft.election_timeout_ms in cluster.json"
        yield report.add("disk_slow", "warning", text, hint, node_id)


# -- links -----------------------------------------------------------------------------------------
def _links(scene: Scene, report: _Report) -> Iterator[Finding]:
    """Between nodes that answer; what a dead node's links are is no news."""
    severity = "error" if scene.leader is None else "warning"
    ids = sorted(scene.answers)
    by_fault: dict[int, list[str]] = {}
    for one, other in ((a, b) for a in ids for b in ids if a < b):
        if scene.hear_each_other(one, other):
            continue
        faults = _cutting(scene, one, other)
        for fault in faults[:1]:
            by_fault.setdefault(fault, []).append(f"n{one}-n{other}")
        if not faults:
            text = f"n{one} and n{other} are not connected{_link_error(scene, one, other)}"
            hint = f"{scene.line} logs n{one} n{other} --level warn"
            yield report.add("link_down", severity, text, hint)
    for fault, pairs in sorted(by_fault.items()):
        what = f"#{fault} {scene.faults.get(fault, '')}".strip()
        text = f"{', '.join(pairs)} {'is' if len(pairs) == 1 else 'are'} cut by fault {what}"
        yield report.add("link_cut", severity, text, f"{scene.line} heal {fault}")


def _cutting(scene: Scene, one: int, other: int) -> list[int]:
    """The faults that let nothing through between two nodes, in either direction."""
    pair = {one, other}
    return sorted(
        {
            int(rule["fault"])
            for node_id in pair
            for rule in scene.answers[node_id]["faults"]
            if rule["cut"] and {rule["src"], rule["dst"]} == pair
        }
    )


def _link_error(scene: Scene, one: int, other: int) -> str:
    for src, dst in ((one, other), (other, one)):
        error = scene.answers[src].get("link_errors", {}).get(str(dst))
        if error:
            return f": n{src} says {error!r}"
    return ""


# -- what lies around ------------------------------------------------------------------------------
def kept_data(name: str, line: str, node: int, size: int) -> Finding:
    """What a node held before its cluster was made anew."""
    text = f"{name}/n{node}: what it held before lies there still, {size_text(size)}"
    return Finding(
        check="data",
        ok=True,
        message=f"{text}: {line} prune",
        hint="",
        code="data_before",
        severity="info",
        cluster=name,
        node=f"n{node}",
    )
