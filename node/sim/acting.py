"""What a scenario's lines do to a simulated cluster: the words of `node.scenario`, carried out."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence

from node.scenario import actions
from node.scenario.actions import Action, ending, verb_of
from node.scenario.errors import ScenarioError
from node.scenario.links import FaultPlan
from node.scenario.resolving import concerned, fixed, nodes_of, plan_of
from node.scenario.selectors import Scene
from node.sim.coverage import Coverage
from node.sim.host import Host
from node.sim.lasting import Fault, Lasting
from node.sim.membership import Membership
from node.sim.outcome import Outcome
from node.sim.streams import stream
from node.sim.trace import Trace
from node.sim.world import MS, World
from node.wire.messages import Document, Failure

LAG_ENTRIES = 100
"""Who is so far behind lags."""
RETIRE_MS = 100
"""Until an operator has seen that a node is out of use."""


class Actor:
    """Carries out actions. What cannot be done at the moment is noted as skipped."""

    def __init__(self, world: World, trace: Trace, coverage: Coverage) -> None:
        self.lasting = Lasting()
        self.done: Counter[str] = Counter()
        """What was carried out, by the verb of its line; `skipped` is what could not be, or
        changed nothing.
        """
        self._cuts: list[tuple[int, Outcome]] = []
        """Of the faults of links, with their numbers."""
        self._is_over = False
        self._world = world
        self._trace = trace
        self._coverage = coverage
        self._membership = Membership(world, trace, self._retire)
        world.held_down = self.lasting.holds_down

    # -- whom it means -----------------------------------------------------------------------------
    @property
    def scene(self) -> Scene:
        world = self._world
        configuration = world.configuration
        leader = world.leader
        newest = 0 if leader is None else leader.core.last_index
        hosts = [host for host in world.hosts.values() if host.id in world.rows]
        return Scene(
            tuple(host.id for host in hosts),
            None if leader is None or not leader.is_up else leader.id,
            frozenset(host.id for host in hosts if host.is_up),
            configuration.voters,
            frozenset(host.id for host in hosts if host.is_wiped),
            frozenset(
                host.id
                for host in hosts
                if host.is_up and newest - host.core.last_index >= LAG_ENTRIES
            ),
        )

    def stop(self) -> None:
        """Operators begin nothing any more."""
        self._is_over = True
        self._membership.stop()
        hits = self._world.network.count_hits()
        for number, outcome in self._cuts:
            if hits.get(number):
                outcome.changed()

    # -- doing -------------------------------------------------------------------------------------
    def do(self, action: Action, name: str, key: str, outcome: Outcome) -> Fault | None:
        """Do it. Gives the fault that lasts, if one does; None also for what could not be done.

        `key` is this step's alone, and stays its own when others are left out. `outcome` hears
        what came of it, some of it later.
        """
        rng = stream(self._world.seed, "selectors", key)
        try:
            again = stream(self._world.seed, "selectors", key)
            meant = fixed(action, self.scene, again)
            outcome.resolved = str(meant)
            outcome.nodes = tuple(concerned(meant, self.scene))
            fault = self._do(action, name, rng, outcome)
        except ScenarioError as error:
            fault, outcome.refusal = None, str(error)
        if outcome.reason:
            self.done["skipped"] += 1
            self._trace.note("skipped", line=str(action), why=outcome.reason)
        else:
            self.done[verb_of(action)] += 1
        return fault

    def _do(self, action: Action, name: str, rng: random.Random, outcome: Outcome) -> Fault | None:
        world = self._world
        match action:
            case actions.Partition():
                plan = plan_of(action, self.scene, rng)
                for fault in [f for f in self.lasting.faults.values() if _is_partition(f)]:
                    self._end(fault)
                return self._cut(action, plan, name, outcome)
            case actions.Net():
                return self._cut(action, plan_of(action, self.scene, rng), name, outcome)
            case actions.Heal(what):
                self._heal(what)
                outcome.changed()
            case actions.Transfer():
                self._transfer(action, rng, outcome)
            case actions.MembersAdd():
                self._membership.add(action, outcome)
            case actions.MembersReplace():
                (old_id,) = nodes_of(action, self.scene, rng)
                self._membership.replace(action, old_id, outcome)
            case _:
                chosen = nodes_of(action, self.scene, rng)
                if not chosen:
                    raise ScenarioError("it means nobody now")
                lasting: Fault | None = None
                if ending(action) is not None:
                    lasting = self.lasting.begin(action, name, outcome, chosen)
                told = {} if lasting is None else {"fault": lasting.sign}
                self._trace.note(action.verb, 0, nodes=_names(chosen), line=str(action), **told)
                hosts = [world.hosts[node_id] for node_id in chosen]
                self._on_nodes(action, hosts, rng, outcome)
                return lasting
        return None

    def _on_nodes(
        self, action: Action, hosts: Sequence[Host], rng: random.Random, outcome: Outcome
    ) -> None:
        match action:
            case actions.Restart(stagger_us=stagger_us) if stagger_us:
                for place, host in enumerate(hosts):
                    later_us = place * stagger_us
                    self._world.kernel.after(later_us, "fault", self._restart, host, outcome)
            case actions.MembersPromote() | actions.MembersDemote() | actions.MembersRemove():
                ids = [host.id for host in hosts]
                self._membership.change(action, ids, self._whole, outcome)
            case _:
                for host in hosts:
                    self._on_node(action, host, rng, outcome)

    def _on_node(self, action: Action, host: Host, rng: random.Random, outcome: Outcome) -> None:
        match action:
            case actions.Kill() | actions.Stop():
                if self._down(host, is_clean=isinstance(action, actions.Stop)):
                    outcome.changed()
                outcome.idle = f"n{host.id} did not run"
            case actions.Start() | actions.Restart():
                self.lasting.release(host.id, actions.Kill, actions.Stop)
                self._start(host, isinstance(action, actions.Restart), outcome)
            case actions.Pause():
                if host.is_up:
                    host.pause()
                    self._coverage.met("node paused")
                    outcome.changed()
                outcome.idle = f"n{host.id} did not run"
            case actions.Resume():
                self.lasting.release(host.id, actions.Pause)
                if self._resume(host):
                    outcome.changed()
                outcome.idle = f"n{host.id} was not paused"
            case actions.Wipe():
                self._wipe(host)
                outcome.changed()
            case actions.Disk() | actions.Clock():
                self._disturb(host, action, rng, outcome)
            case actions.SnapshotTake():
                self._take_snapshot(host, outcome)

    # -- processes ---------------------------------------------------------------------------------
    def _down(self, host: Host, is_clean: bool) -> bool:
        """False: it did not run."""
        if not host.is_running:
            return False
        if is_clean and not host.is_paused:
            self._world.stop(host.id)
            return True
        if host.disk.under_way is not None:
            self._coverage.met("crash in a flush")
        self._world.crash(host.id)
        return True

    def _up(self, host: Host) -> bool:
        """False: it runs already, or cannot, or must not."""
        if host.is_running or host.is_broken or self.lasting.holds_down(host.id):
            return False
        if not host.start():
            self._coverage.met("damage found at a start")
            if self._coin("give up", host.id):  # else it is left as it is
                self._world.kernel.after(RETIRE_MS * MS, "fault", self._give_up, host)
            return False
        self.lasting.set_disk(host)  # one that was wiped has a new one
        self.lasting.started(host)
        self._coverage.met("restart")
        return True

    def _give_up(self, host: Host) -> None:
        """An operator sees that the disk of a node is damaged, and wipes it."""
        if not self._is_over and host.is_broken:
            host.wipe()
            self._up(host)

    def bring_up(self, node_ids: Iterable[int]) -> None:
        """As an operator does who has just wiped them, unless a fault keeps them down."""
        for node_id in node_ids:
            self._up(self._world.hosts[node_id])

    def _retire(self, node_id: int) -> None:
        """Who was removed is stopped, or is forgotten about and goes on."""
        if self._coin("retire", node_id):
            host = self._world.hosts[node_id]
            self._world.kernel.after(RETIRE_MS * MS, "fault", self._shut, host)

    def _shut(self, host: Host) -> None:
        if not self._is_over:
            self._down(host, is_clean=True)

    def _coin(self, what: str, node_id: int) -> bool:
        return stream(self._world.seed, what, node_id).random() < 0.5

    def _check_spare(self, host: Host) -> None:
        """No more than a minority loses its disks, or what is on them: the algorithm cannot do
        without promises that are kept.
        """
        if not self._world.has_quorum(self._whole - {host.id}):
            raise ScenarioError(f"without n{host.id} no quorum has its disks")

    def _start(self, host: Host, anew: bool, outcome: Outcome) -> None:
        if not anew:
            outcome.idle = f"n{host.id} {'ran already' if host.is_running else 'cannot start'}"
            self._come_up(host, outcome)
            return
        if self._down(host, is_clean=True):
            outcome.changed()
        self._world.kernel.after(MS, "fault", self._come_up, host, outcome)

    def _restart(self, host: Host, outcome: Outcome) -> None:
        """When its turn has come."""
        if not self._is_over:
            self.lasting.release(host.id, actions.Kill, actions.Stop)
            self._start(host, True, outcome)

    def _come_up(self, host: Host, outcome: Outcome) -> None:
        if self._up(host):
            outcome.changed()
        elif host.is_broken:
            outcome.refused_by(host.id, host.refused)

    def _resume(self, host: Host) -> bool:
        """False: it was not paused, or has to stay so."""
        if not host.is_paused or self.lasting.holds_still(host.id):
            return False
        host.resume()
        return True

    def _wipe(self, host: Host) -> None:
        self._check_spare(host)
        self._down(host, is_clean=False)
        host.wipe()
        self._coverage.met("node wiped")

    def _take_snapshot(self, host: Host, outcome: Outcome) -> None:
        def then(_: int, answer: Document | Failure) -> None:
            if isinstance(answer, Document):
                outcome.changed()
            else:
                outcome.idle = answer.message

        if host.is_running:
            self._world.operate(host.id, lambda replica, t, _: replica.take_snapshot(t), then)
        else:
            outcome.idle = f"n{host.id} did not run"

    @property
    def _whole(self) -> set[int]:
        """Those with a disk."""
        hosts = self._world.hosts.values()
        return {host.id for host in hosts if not (host.is_wiped or host.disk.is_rotten)}

    def _disturb(
        self,
        host: Host,
        action: actions.Disk | actions.Clock,
        rng: random.Random,
        outcome: Outcome,
    ) -> None:
        match action:
            case actions.Clock(jump_us=0):
                self._coverage.met("clock off")
                before_ppm = host.clock.rate_ppm
                self.lasting.set_clock(host)
                if host.clock.rate_ppm == before_ppm:
                    outcome.idle = f"the clock of n{host.id} ran at that rate already"
                elif host.is_running:
                    outcome.changed()
            case actions.Clock(jump_us=jump_us):
                self._coverage.met("clock off")
                host.change_clock(lambda clock: clock.jump(jump_us))
                if host.is_running:
                    outcome.changed()
                outcome.idle = f"n{host.id} did not run"
            case actions.Disk(kind="stall"):
                self._coverage.met("disk stalled")
                self.lasting.stall(host, action.delay_us, outcome)
            case actions.Disk(kind="rot"):
                self._rot(host, rng)
                self.lasting.rot(host, outcome)
            case actions.Disk(kind="truncate"):
                raise ScenarioError("a simulated disk keeps all that was flushed")
            case actions.Disk(kind=kind):
                self.lasting.set_disk(host)
                if kind == "full":
                    self._coverage.met("disk full")

    def _rot(self, host: Host, rng: random.Random) -> None:
        self._check_spare(host)
        what = host.disk.rot(rng)
        if what is None:
            raise ScenarioError(f"the disk of n{host.id} holds nothing that could rot")
        self._coverage.met(f"{what} rotten")

    # -- links -------------------------------------------------------------------------------------
    def _cut(self, action: Action, plan: FaultPlan, name: str, outcome: Outcome) -> Fault:
        fault = self.lasting.begin(action, name, outcome)
        self._cuts.append((fault.number, outcome))
        fault.rules = plan.rules(fault.number, fault.name, None)
        self._trace.note(plan.kind, what=plan.spec, fault=fault.sign)
        self._coverage.met("link cut" if plan.effects.cut else "link slow")
        self._world.network.set_rules(self.lasting.rules)
        return fault

    # -- ends --------------------------------------------------------------------------------------
    def end(self, fault: Fault) -> None:
        """Its time is over."""
        if self.lasting.holds(fault):
            self._end(fault)

    def _end(self, fault: Fault) -> None:
        del self.lasting.faults[fault.name]
        self._trace.note("heal", what=f"{fault.action}", fault=fault.sign)
        for host in [self._world.hosts[node_id] for node_id in fault.nodes]:
            match fault.action:
                case actions.Kill() | actions.Stop():
                    self._up(host)
                case actions.Pause():
                    self._resume(host)
                case actions.Disk():
                    self.lasting.set_disk(host)
                    self._up(host)  # if its disk ended it
                case actions.Clock():
                    self.lasting.set_clock(host)
        if fault.rules:
            self._world.network.set_rules(self.lasting.rules)

    def _heal(self, what: str) -> None:
        """As `raftctl heal`: faults inside the nodes end, processes stay as they are."""
        for fault in self.lasting.called(what):
            self._end(fault)

    # -- the cluster -------------------------------------------------------------------------------
    def _transfer(self, action: actions.Transfer, rng: random.Random, outcome: Outcome) -> None:
        def then(_: int, answer: Document | Failure) -> None:
            if isinstance(answer, Document):
                outcome.changed()
            else:
                outcome.refusal = answer.message

        leader = self._world.leader
        if leader is None:
            raise ScenarioError("nobody leads")
        node_id = next(iter(nodes_of(action, self.scene, rng)), 0)
        self._trace.note("transfer", leader.id, to=_names([node_id]) if node_id else "any")
        self._world.operate(
            leader.id, lambda replica, t, now: replica.transfer(t, node_id, now), then
        )


def _is_partition(fault: Fault) -> bool:
    return isinstance(fault.action, actions.Partition)


def _names(ids: Iterable[int]) -> str:
    return " ".join(f"n{node_id}" for node_id in ids)
