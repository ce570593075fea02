"""What a run proved: each thing that was expected of it, and a verdict on the whole.

Something that was found to be wrong decides, however little else was proven. What could not be told
leaves the run without a verdict, and so does a fault that did nothing: a run in which nothing
happened is never a pass.
"""

from collections.abc import Iterator, Sequence

from node.scenario.actions import ending
from node.scenario.scenario import StepBudget
from raftctl.chaos.availability import NS, SETTLE_NS, Gap, gaps, longest, share
from raftctl.chaos.disks import Logs
from raftctl.chaos.injecting import Injected
from raftctl.chaos.probes import USUAL_NS
from raftctl.chaos.running import CONVERGE_SECONDS, Ran
from raftctl.chaosdocs import ChaosCheck, ChaosFault, ChaosLatency, Verdict

MS = 1_000_000
PROBED = ("read", "write")
ANSWERED_SHARE = 0.5
"""Of what clients were to ask while the cluster could be used, so much has to be answered."""


class Judgement:
    """Of a run that is over."""

    def __init__(self, ran: Ran) -> None:
        self._ran = ran
        self._end_ns = max([ran.ended_ns, *(each.ended for each in ran.probes)])
        self._gaps = {kind: self._probed(kind) for kind in PROBED}

    def _probed(self, kind: str) -> list[Gap]:
        answered = [each.ended for each in self._ran.probes if each.kind == kind and each.ok]
        return list(gaps(answered, 0, self._end_ns))

    # -- measured ----------------------------------------------------------------------------------
    def share(self, kind: str) -> float:
        """Which part of the time it could be read or written, from 0 to 1."""
        return round(share(self._gaps[kind], USUAL_NS, 0, self._end_ns), 4)

    def latency(self) -> ChaosLatency:
        took = sorted(lasted for _, lasted, _, how in self._ran.seen.done if how == "ok")

        def at(portion: float) -> float | None:
            return _ms(took[min(int(len(took) * portion), len(took) - 1)]) if took else None

        return ChaosLatency(at(0.5), at(0.95), at(0.99), at(1.0))

    def faults(self) -> list[ChaosFault]:
        return [self._fault(each) for each in self._ran.steps]

    def _fault(self, injected: Injected) -> ChaosFault:
        budget = self._budget(injected)
        limits = budget.max_unavailable_us if budget else {}
        write, read = (self._longest(injected, kind) for kind in ("write", "read"))
        return ChaosFault(
            step=injected.place + 1,
            name=injected.step.name,
            line=str(injected.step.action),
            resolved=None if injected.action is None else str(injected.action),
            nodes=[f"n{node_id}" for node_id in injected.nodes],
            began_ms=_ms(injected.began_ns),
            ended_ms=self._ended_ms(injected),
            why_not=injected.why_not,
            new_leader_ms=self._new_leader_ms(injected),
            write_gap_ms=_ms(write.length_ns) if write else None,
            read_gap_ms=_ms(read.length_ns) if read else None,
            ok=self._ok_within(injected),
            write_budget_ms=_budget_ms(limits.get("write")),
            read_budget_ms=_budget_ms(limits.get("read")),
            refused=injected.refused,
        )

    def _ended_ms(self, injected: Injected) -> float | None:
        lasts = ending(injected.step.action) is not None
        return _ms(injected.ended_ns) if lasts and injected.ended_ns is not None else None

    def _budget(self, injected: Injected) -> StepBudget | None:
        return self._ran.scenario.expect.steps.get(injected.step.name)

    def _window(self, injected: Injected) -> tuple[int, int]:
        """When it was in force, and a while after, until something else is done."""
        ended_ns = injected.ended_ns if injected.ended_ns is not None else self._end_ns
        others = [each.began_ns for each in self._ran.steps if each.began_ns > ended_ns]
        # The last success before another step may be as old as is usual between two.
        later = [max(began_ns - USUAL_NS, ended_ns) for began_ns in others]
        return injected.began_ns, min([ended_ns + SETTLE_NS, *later])

    def _longest(self, injected: Injected, f: str) -> Gap | None:
        if injected.action is None:
            return None
        found = self._gaps.get(f)
        if found is None:
            done = [
                ended for ended, _, kind, how in self._ran.seen.done if (kind, how) == (f, "ok")
            ]
            found = list(gaps(done, 0, self._end_ns))
        return longest(found, *self._window(injected))

    def _new_leader_ms(self, injected: Injected) -> float | None:
        """Of a leader that came after this step, and before the next one was done."""
        began_ns, until_ns = self._window(injected)
        later = [each.began_ns for each in self._ran.steps if each.began_ns > began_ns]
        for at_ns, _, _ in self._ran.leaders:
            if began_ns < at_ns <= min([until_ns, *later]):
                return _ms(at_ns - began_ns)
        return None

    def _ok_within(self, injected: Injected) -> int:
        began_ns, ended_ns = injected.began_ns, injected.ended_ns or self._end_ns
        return sum(
            how == "ok" and began_ns <= ended - lasted and ended <= ended_ns
            for ended, lasted, _, how in self._ran.seen.done
        )

    # -- judged ------------------------------------------------------------------------------------
    def checks(self) -> Iterator[ChaosCheck]:
        """All but that of the history, which is `raftctl.checking`'s."""
        expect = self._ran.scenario.expect
        asked = (expect.linearizable, expect.invariants != "none", expect.converge_within_us)
        if not any(asked) and not expect.steps:
            yield ChaosCheck("expectations", "inconclusive", "the scenario expects nothing")
        yield self._asked()
        yield self._injected()
        yield self._rules()
        if self._ran.dead is not None:
            yield self._nodes(self._ran.dead)
        if self._ran.logs is not None:
            yield self._logs(self._ran.logs)
        yield self._converged()
        for injected in self._ran.steps:
            budget = self._budget(injected)
            if budget is not None:
                yield self._within(injected, budget)

    def _asked(self) -> ChaosCheck:
        ok = self._ran.seen.counts["ok"]
        if not ok:
            return ChaosCheck("load", "inconclusive", "no operation succeeded")
        due = self._due()
        answered = ok + self._ran.seen.refused
        if answered < due * ANSWERED_SHARE:
            text = f"{answered:,} operations were answered of {due:,.0f} that were due"
            return ChaosCheck("load", "inconclusive", text)
        if all(f == "read" for _, _, f, how in self._ran.seen.done if how != "fail"):
            text = f"{ok:,} reads, and nothing was ever written: nothing can be wrong with them"
            return ChaosCheck("load", "inconclusive", text)
        missed = self._ran.seen.missed
        left_out = f", {missed:,} not begun since all clients waited" if missed else ""
        return ChaosCheck("load", "ok", f"{ok:,} operations succeeded{left_out}")

    def _due(self) -> float:
        """How many operations were to be asked while the cluster could be used."""
        usable = min(self.share(kind) for kind in PROBED)
        return self._ran.scenario.workload.rate_per_s * self._ran.ended_ns / NS * usable

    def _injected(self) -> ChaosCheck:
        steps, planned = self._ran.steps, self._ran.scenario.steps
        if not planned:
            return ChaosCheck("faults", "unasked", "the scenario has no step")
        for each in steps:
            if each.why_not:
                text = f"step {each.place + 1}, {each.step.action}: {each.why_not}"
                return ChaosCheck("faults", "inconclusive", f"fault ineffective: {text}")
        done = {each.place for each in steps}
        for place, step in enumerate(planned):
            if place not in done:
                text = f"step {place + 1}, {step.action} (when {step.when}), was never carried out"
                return ChaosCheck("faults", "inconclusive", text)
        refusals = "; ".join(dict.fromkeys(each.refused for each in steps if each.refused))
        is_one = len(steps) == 1
        text = "the one step took effect" if is_one else f"{len(steps)} steps, each took effect"
        return ChaosCheck("faults", "ok", text + (f"; rightly, {refusals}" if refusals else ""))

    def _rules(self) -> ChaosCheck:
        told, expected = self._ran.told, self._ran.scenario.expect.invariants
        if expected == "none":
            return ChaosCheck("invariants", "unasked", "not asked for")
        broken = [each for each in told.broken if expected == "all" or each.rule in expected]
        if broken:
            text = f"{broken[0].rule}: {broken[0].text}"
            return ChaosCheck("invariants", "failed", text)
        unseen = [] if expected == "all" else sorted(set(expected) - set(self._ran.rules))
        if unseen:
            text = f"{', '.join(unseen)} cannot be seen from outside a process; --sim looks at all"
            return ChaosCheck("invariants", "inconclusive", text)
        silent = [f"n{each}" for each in self._ran.members if each not in told.tellers]
        if silent or not told.records:
            text = f"{' '.join(silent) or 'the nodes'} told nothing"
            return ChaosCheck("invariants", "inconclusive", text)
        text = f"{told.terms} leaders, {told.committed:,} entries, {told.records:,} records"
        if told.missing:
            text += f", {told.missing:,} more were lost"
        return ChaosCheck("invariants", "ok", text)

    def _logs(self, logs: Logs) -> ChaosCheck:
        why = f"; not looked at: {' '.join(logs.left_out)}, which a step wiped or damaged"
        more = why if logs.left_out else ""
        if logs.damage:
            return ChaosCheck("logs", "failed", "; ".join(logs.damage) + more)
        return ChaosCheck("logs", "ok", f"what is on the disks is whole{more}")

    def _nodes(self, dead: Sequence[str]) -> ChaosCheck:
        if dead:
            text = f"ended, and no step ended it: {', '.join(dead)}; see its node.log"
            return ChaosCheck("nodes", "failed", text)
        return ChaosCheck("nodes", "ok", "none ended but by a step")

    def _converged(self) -> ChaosCheck:
        within_us = self._ran.scenario.expect.converge_within_us
        limit = CONVERGE_SECONDS if within_us is None else within_us / 1e6
        took = self._ran.converged_ns
        if took is not None and took <= limit * NS:
            names = " ".join(self._ran.lost)
            others = f", all but {names}, which a step wiped or damaged" if names else ""
            return ChaosCheck("converged", "ok", f"in {took / NS:.2f} of {limit:g} s{others}")
        text = f"the nodes did not hold the same within {limit:g} s after all faults had ended"
        return ChaosCheck("converged", "failed" if within_us is not None else "inconclusive", text)

    def _within(self, injected: Injected, budget: StepBudget) -> ChaosCheck:
        name = f"budget {injected.step.name}"
        parts, is_over = [], False
        for f, limit_us in budget.max_unavailable_us.items():
            gap = self._longest(injected, f)
            if gap is None:
                return ChaosCheck(name, "inconclusive", "the step was not carried out")
            is_over = is_over or gap.length_ns > limit_us * 1000
            parts.append(f"{f} {gap.length_ns / MS:,.0f} of {limit_us / 1000:,.0f} ms")
        text = "longest without a success: " + ", ".join(parts) if parts else ""
        ok = self._ok_within(injected)
        if is_over:
            return ChaosCheck(name, "failed", text)
        if ok < budget.min_ok:
            text = f"{ok} operations succeeded meanwhile, of {budget.min_ok} that it takes to tell"
            return ChaosCheck(name, "inconclusive", text)
        return ChaosCheck(name, "ok", text or f"{ok} operations succeeded meanwhile")


def verdict_of(checks: Sequence[ChaosCheck]) -> tuple[Verdict, str]:
    """Of the whole, and why."""
    verdicts: tuple[Verdict, ...] = ("failed", "inconclusive")
    for verdict in verdicts:
        for check in checks:
            if check.verdict == verdict:
                return verdict, f"{check.name}: {check.text}"
    held = sum(check.verdict == "ok" for check in checks)
    return "ok", f"{held} {'check holds' if held == 1 else 'checks hold'}"


def _ms(nanoseconds: int) -> float:
    return round(nanoseconds / MS, 1)


def _budget_ms(limit_us: int | None) -> float | None:
    return None if limit_us is None else limit_us / 1000
