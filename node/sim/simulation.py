"""One run from its beginning to its verdict: faults first, then the cluster has to get well."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from node.raft.events import Event, LeaderElected
from node.scenario.actions import Wipe
from node.scenario.scenario import MIXES, Scenario, Step, WorkloadKind
from node.scenario.schedule import End, Fire, Schedule
from node.sim.acting import Actor
from node.sim.ageing import StaleReadsTellTheirAge
from node.sim.answering import EveryRequestIsAnsweredOnce
from node.sim.confirming import Confirmations, ReadsAreConfirmed
from node.sim.coverage import Coverage
from node.sim.expiring import SessionsLast
from node.sim.hearing import Hearings
from node.sim.host import Host
from node.sim.kernel import Kind
from node.sim.lasting import Fault
from node.sim.leasing import Leases, Promises, check_clocks
from node.sim.liveness import get_well
from node.sim.options import FORMAT, FormatError, OptionError, Options, changed, values_of
from node.sim.outcome import Outcome
from node.sim.planning import expanded, keeps_to_its_seed, plan
from node.sim.progress import Progress
from node.sim.promoting import VotersHaveCaughtUp
from node.sim.terms import Terms
from node.sim.trace import Line, Trace, UntoldError
from node.sim.world import World
from node.verify.invariants import Invariant, asked_for, every
from node.verify.observation import Observers, Violation

WORKLOAD: WorkloadKind = "cas"
"""What simulated clients do, whose oracle knows registers alone."""

Verdict = Literal["ok", "failed", "inconclusive"]


@dataclass(slots=True)
class Result:
    """What came of a run. `invariant` and `text` say what was violated, `why` why there is no
    verdict. `at_us` is when, in virtual microseconds.
    """

    seed: int
    verdict: Verdict
    digest: str
    events: int
    at_us: int
    invariant: str = ""
    text: str = ""
    why: str = ""
    coverage: Counter[str] = field(default_factory=Counter)
    by_kind: Counter[Kind] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)


Invariants = Callable[[dict[int, Host]], Observers]


def simulate(
    scenario: Scenario,
    trace: Callable[[Line], None] | None = None,
    invariants: Invariants | None = None,
) -> Result:
    """Run it. `trace` gets a line for each thing that happens; `invariants` None are those that the
    scenario expects. Raises OptionError, and what `trace` raises.
    """
    check_workload(scenario)
    return Simulation(scenario, trace, invariants).run()


def simulate_seed(seed: int) -> Result:
    """The run of a seed."""
    return simulate(plan(seed))


class Simulation:
    """A world and the scenario that is carried out in it."""

    def __init__(
        self,
        scenario: Scenario,
        trace: Callable[[Line], None] | None = None,
        invariants: Invariants | None = None,
    ) -> None:
        self.scenario = scenario
        self.coverage = Coverage()
        options = options_of(scenario)
        invariants = invariants or partial(every, rules=rules_of(scenario))

        self.progress = Progress(options)
        self.terms = Terms(options)

        def watch_with(hosts: dict[int, Host]) -> Observers:
            confirmations = Confirmations(hosts, lambda: self.world.kernel.now)
            hearings = Hearings(hosts)
            rules = [*invariants(hosts).invariants, confirmations, hearings]
            rules.append(Promises(options, hosts, hearings))
            if options.lease_reads:
                rules.append(Leases(hosts, confirmations))
            if options.stale_reads:
                rules.append(StaleReadsTellTheirAge(hosts, confirmations, hearings))
            rules.append(ReadsAreConfirmed(confirmations))
            rules += [SessionsLast(options), EveryRequestIsAnsweredOnce(hosts)]
            rules.append(VotersHaveCaughtUp(options, hosts))
            return Observers([*rules, self.coverage, self.progress, self.terms])

        self.world = World(scenario.seed, options, watch_with)
        self.trace = Trace(lambda: self.world.kernel.now, trace or _nowhere)
        if trace is not None:
            self.world.listeners.append(self.trace.tell)
        self.world.listeners += [self.coverage.tell, self._tell]
        self.actor = Actor(self.world, self.trace, self.coverage)
        self._schedule = Schedule(expanded(scenario))
        self._faults: dict[int, Fault | None] = {}
        self.outcomes: dict[int, Outcome] = {}
        """Of the steps that were carried out, by place."""
        self._keys: Counter[str] = Counter()
        self._armed_at: int | None = None
        self._has_led = False
        self._is_drawn = bool(scenario.sim.get("drawn"))
        """Whoever is wiped in a drawn plan is started at once; other plans have a line for that."""

    def run(self) -> Result:
        """What came of it. Raises what `trace` raised."""
        try:
            return self._run()
        except UntoldError as untold:
            raise untold.why from None

    def _run(self) -> Result:
        try:
            self.world.start_all()
            self.progress.begin(self.world, self.actor)
            self.terms.begin(self.world, self.actor)
            self._arm()
            self.world.kernel.run(self.scenario.duration_us)
            self.progress.end()
            self.terms.end()
            self.actor.stop()
            has_served = self._operations()["ok"] > 0
            self.trace.note("all faults end")
            why = get_well(self.world)
            if why is None:
                for look in self.world.observers.finished:
                    look(self.world.hosts)
                why = self._why_vague(has_served)
        except Violation as violation:
            self.trace.note("VIOLATION", violation.node_id or 0, what=str(violation))
            result = self._result("failed")
            result.invariant, result.text = violation.invariant, str(violation)
            return result
        except UntoldError:
            raise
        except Exception as error:  # whatever the node's code raises: here it would have ended
            result = self._result("failed")
            result.invariant = "no_exceptions"
            result.text = f"{type(error).__name__}: {error}"
            self.trace.note("EXCEPTION", what=result.text)
            return result
        result = self._result("ok" if why is None else "inconclusive")
        result.why = why or ""
        return result

    # -- the scenario ------------------------------------------------------------------------------
    def _arm(self) -> None:
        """Have the kernel wake it when something is due."""
        at = self._schedule.next_at
        if at is None or at >= self.scenario.duration_us:
            return
        if self._armed_at is None or at < self._armed_at:
            self._armed_at = at
            self.world.kernel.at(at, "fault", self._carry_out, at)

    def _carry_out(self, at: int) -> None:
        if at != self._armed_at:
            return  # something else came first
        self._armed_at = None
        for due in self._schedule.due(self.world.kernel.now):
            match due:
                case Fire(place, step):
                    began_us = self.world.kernel.now
                    outcome = Outcome(str(step.action), began_us=began_us)
                    self.outcomes[place] = outcome
                    key = self._key(step)
                    self._faults[place] = self.actor.do(step.action, step.name, key, outcome)
                    if self._is_drawn and isinstance(step.action, Wipe) and not outcome.refusal:
                        self.actor.bring_up(outcome.nodes)
                    self._tell_ended()
                case End(place, step):
                    fault = self._faults.pop(place, None)
                    if fault is not None:
                        self.actor.end(fault)
                        self.outcomes[place].ended_us = self.world.kernel.now
            self.progress.done(step.action, self.world, self.actor)
        self._arm()

    def _tell_ended(self) -> None:
        """Only here it is known which faults were healed, had another one take their place, or
        never began.
        """
        for place, fault in list(self._faults.items()):
            if fault is None or not self.actor.lasting.holds(fault):
                del self._faults[place]
                self.outcomes[place].ended_us = self.world.kernel.now
                self._schedule.ended(place, self.world.kernel.now)

    def _key(self, step: Step) -> str:
        """What tells this step from all others, wherever in the plan it stands."""
        key = f"{step.when} {step.action}"
        self._keys[key] += 1
        return f"{key} {self._keys[key]}"

    def _tell(self, node_id: int, event: Event) -> None:
        """A new leader may be what a step waits for; the first one is no change."""
        if isinstance(event, LeaderElected):
            if self._has_led:
                self._schedule.leader_changed(self.world.kernel.now)
                self._arm()
            self._has_led = True

    def _why_vague(self, has_served: bool) -> str | None:
        """What keeps a run that went well from proving anything. Steps that a seed draws may come
        to nothing; those that somebody wrote have to change something, in a drawn plan too.
        `has_served`: before all faults ended.
        """
        if not has_served:
            return "nothing was asked of it, or nothing answered"
        if not rules_of(self.scenario):
            return "expect.invariants names no rule that it could break"
        if self._is_drawn and keeps_to_its_seed(self.scenario):
            return None
        outcomes = sorted(self.outcomes.items())
        own = [(place, each) for place, each in outcomes if place < len(self.scenario.steps)]
        for place, outcome in own:
            if why := outcome.why_not:
                return f"step {place + 1}: {why}"
        if self.scenario.random is not None and all(
            each.why_not for _, each in outcomes[len(own) :]
        ):
            return "none of the random faults took effect"
        if never := self._schedule.never_fired:
            return f"{never[0].action} (when {never[0].when}) was never carried out"
        return None

    def _operations(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for client in self.world.clients:
            counts.update(client.counts)
        return counts

    def _result(self, verdict: Verdict) -> Result:
        kernel, stats = self.world.kernel, self.world.network.stats
        self.coverage.met("message lost", stats.dropped)
        self.coverage.met("message doubled", stats.duplicated)
        self.coverage.met("message late", stats.late)
        self.coverage.met("leader's death noticed", self.world.contacts.deaths_noticed)
        return Result(
            self.scenario.seed,
            verdict,
            kernel.digest,
            kernel.events,
            kernel.now,
            coverage=self.coverage.counts,
            by_kind=kernel.by_kind,
            operations=self._operations(),
            faults=self.actor.done,
        )


def options_of(scenario: Scenario) -> Options:
    """The world that the scenario asks for. Raises OptionError, also for one that was written by a
    version in which the same seed was another run.
    """
    sim = dict(scenario.sim)
    drawn = sim.pop("drawn", False)
    if type(drawn) is not bool:
        raise OptionError(f"drawn has to be true or false, not {drawn!r}")
    if drawn and (missing := [name for name in values_of(Options()) if name not in scenario.sim]):
        raise OptionError(f"drawn plans have all options, and {missing[0]} is missing")
    if type(sim.pop("digest", "")) is not str:
        raise OptionError(f"digest has to be text, not {scenario.sim['digest']!r}")
    made_in = sim.pop("format", FORMAT)
    if type(made_in) is not int or made_in != FORMAT:
        raise FormatError(f"format {made_in} is another version's: this one replays {FORMAT}")
    workload = scenario.workload
    own = {
        "nodes": scenario.nodes,
        "clients": workload.clients,
        "rate": workload.rate_per_s,
        "keys": workload.keys,
        "duration_ms": scenario.duration_us // 1000,
        "timeout_ms": workload.timeout_us // 1000,
    }
    if sim.get("clients") == 0:
        own.pop("clients")  # a scenario always has some, and a simulation may have none
    for name, value in own.items():
        if sim.setdefault(name, value) != value:
            raise OptionError(f"sim.{name} is {sim[name]}, where the scenario itself has {value}")
    options = changed(Options(), sim)
    random = scenario.random
    drawable = [action for action, _ in random.faults] if random is not None else []
    check_clocks(options, [*(step.action for step in scenario.steps), *drawable])
    return options


def check_workload(scenario: Scenario) -> None:
    """Whether clients that choose for themselves do what it asks for. Raises OptionError."""
    workload = scenario.workload
    if workload.kind != WORKLOAD or dict(workload.mix) != MIXES[WORKLOAD]:
        text = f"simulated clients do what is usual for {WORKLOAD}, not {workload.kind}"
        raise OptionError(f"workload: {text} with {dict(workload.mix)}")


def rules_of(scenario: Scenario) -> tuple[type[Invariant], ...]:
    """The invariants that it asks for. Raises OptionError."""
    try:
        return asked_for(scenario.expect.invariants)
    except LookupError as error:
        raise OptionError(f"expect.invariants: {error.args[0]}") from error


def _nowhere(line: Line) -> None:
    """Nobody reads."""
