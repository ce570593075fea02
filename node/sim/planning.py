"""The faults of a seed: a plan that is drawn before the run, step by step, and can be changed.

Each step is an action at a time, with an end. Times come first, then what happens: in bursts, with
quiet between them, since a cluster that never gets to work never does anything wrong.
"""

import random
from collections.abc import Callable
from dataclasses import replace

from node.faults import LinkRule
from node.scenario import actions
from node.scenario.actions import Action
from node.scenario.background import expand
from node.scenario.lines import parse_action
from node.scenario.pruning import possible_part
from node.scenario.scenario import Scenario, Step, Workload
from node.scenario.when import At
from node.sim.episodes import episodes
from node.sim.half_cuts import half_cuts
from node.sim.options import Options, draw, values_of
from node.sim.streams import stream

MS = 1000
SECOND = 1_000_000

DEAF_LEADER = actions.Partition(one_way=("not:leader:leader",))

Draw = Callable[[random.Random, Options], tuple[Action, int | None]]
"""An action, and for how long, in microseconds."""


def plan(seed: int) -> Scenario:
    """The whole run of a seed, which reads back as it is written: what is drawn is as exact as a
    line can say it, and what could never happen is not in it.
    """
    options = draw(seed)
    steps = half_cuts(seed, options) or _steps(seed, options)
    steps = [replace(step, action=parse_action(str(step.action))) for step in steps]
    scenario = Scenario(
        f"seed-{seed}",
        nodes=options.nodes,
        seed=seed,
        duration_us=options.duration_ms * MS,
        workload=Workload(
            clients=options.clients,
            rate_per_s=options.rate,
            keys=options.keys,
            timeout_us=options.timeout_ms * MS,
        ),
        steps=tuple(steps),
        sim={**values_of(options), "drawn": True},
    )
    return possible_part(scenario)


def keeps_to_its_seed(scenario: Scenario) -> bool:
    """Whether its steps are some of those that its seed draws, in their order, and last no longer:
    what is left of a plan that was made small.
    """
    if scenario.random is not None:
        return False
    drawn = iter(plan(scenario.seed).steps)
    return all(any(_is_left_of(step, each) for each in drawn) for step in scenario.steps)


def _is_left_of(step: Step, drawn: Step) -> bool:
    is_shorter = step.lasts_us is not None and step.lasts_us <= (drawn.lasts_us or 0)
    return step == (replace(drawn, lasts_us=step.lasts_us) if is_shorter else drawn)


def expanded(scenario: Scenario) -> Scenario:
    """The same run, its background faults as steps. Raises ScenarioError."""
    return expand(scenario, stream(scenario.seed, "background"))


def _steps(seed: int, options: Options) -> list[Step]:
    steps, has_others = episodes(seed, options)
    if has_others:
        steps = [*_faults(seed, options), *steps]
    return [*steps, *_damages(seed, options)]


def _faults(seed: int, options: Options) -> list[Step]:
    """One after the other, of the kinds that this seed has."""
    rng = stream(seed, "plan")
    kinds = [kind for kind in KINDS if rng.random() < 0.5]
    often = [*kinds, *(_depose for kind in kinds if kind is _partition)]
    steps = []
    at = rng.randrange(2 * SECOND)
    end = options.duration_ms * MS
    pace = rng.choice([1, 1, 3])
    while often and at < end:
        kind = rng.choice(often)
        action, lasts_us = kind(rng, options)
        if kind is _wipe:  # its vote is gone for good, and with a second one often the quorum
            often = [each for each in often if each is not _wipe]
        if kind is _transfer and rng.random() < 0.5:
            # Who is elected in this way is elected in spite of a leader that is heard.
            timeout_us = options.election_timeout_ms * MS
            deaf_us = min(timeout_us * rng.randint(1, 3), end - at)
            steps.append(Step(At(at), DEAF_LEADER, "", deaf_us))
            at += rng.randrange(timeout_us // 10)
        if lasts_us is not None:
            lasts_us = min(lasts_us, max(end - at, 0))
        steps.append(Step(At(at), action, "", lasts_us))
        at += pace * _gap(rng, options)
    return steps


def _damages(seed: int, options: Options) -> list[Step]:
    """What some disks of some seeds hold rots, and now and then a node finds that out soon."""
    rng = stream(seed, "damages")
    steps: list[Step] = []
    if options.nodes < 3 or rng.random() < 0.7:
        return steps
    for _ in range(rng.randint(1, 3)):
        node = f"n{rng.randint(1, options.nodes)}"
        at = rng.randrange(SECOND, options.duration_ms * MS)
        steps.append(Step(At(at), actions.Disk((node,), "rot")))
        if rng.random() < 0.7:
            restart_at = at + rng.randrange(2 * options.election_timeout_ms * MS)
            steps.append(Step(At(restart_at), actions.Restart((node,))))
    return steps


def _gap(rng: random.Random, options: Options) -> int:
    """Mostly soon, now and then while the last one shows its effect, or after a quiet while."""
    which = rng.random()
    if which < 0.15:
        return rng.randint(2 * SECOND, 5 * SECOND)
    if which < 0.4:
        return rng.randrange(2 * options.election_timeout_ms * MS)
    return rng.randrange(10 * MS, 1500 * MS)


def _lasting(rng: random.Random, options: Options) -> int:
    """Shorter than an election, or longer than several."""
    timeout_us = options.election_timeout_ms * MS
    return round(timeout_us * rng.choice([0.2, 1, 3, 3, 10]) * (0.5 + rng.random()))


def _who(rng: random.Random) -> tuple[str, ...]:
    return (rng.choice(["leader", "leader", "any-follower", "any", "minority"]),)


# -- processes -------------------------------------------------------------------------------------
def _kill(rng: random.Random, options: Options) -> tuple[Action, int | None]:
    who = ("all",) if rng.random() < 0.15 else _who(rng)
    return actions.Kill(who), _lasting(rng, options)


def _stop(rng: random.Random, options: Options) -> tuple[Action, int | None]:
    return actions.Stop(_who(rng)), _lasting(rng, options)


def _restart(rng: random.Random, options: Options) -> tuple[Action, int | None]:
    return actions.Restart((rng.choice(["leader", "any-follower", "all"]),)), None


def _pause(rng: random.Random, options: Options) -> tuple[Action, int | None]:
    return actions.Pause(_who(rng)), _lasting(rng, options)


def _wipe(rng: random.Random, options: Options) -> tuple[Action, int | None]:
    return actions.Wipe((rng.choice(["any-follower", "any"]),)), None


# -- links -----------------------------------------------------------------------------------------
def _partition(rng: random.Random, options: Options) -> tuple[Action, int | None]:
    lasts_us = _lasting(rng, options)
    match rng.randrange(6):
        case 0:
            return actions.Partition(halves=True), lasts_us
        case 1 if options.nodes >= 4:
            return actions.Partition(ring=True), lasts_us
        case 2 if options.nodes >= 3:
            return actions.Partition(bridge=rng.choice(["leader", "any-follower"])), lasts_us
        case 3:
            link = rng.choice(["leader:rest", "rest:leader", "any-follower:rest"])
            if link == "rest:leader":
                link = "not:leader:leader"
            return actions.Partition(one_way=(link,)), lasts_us
        case _:
            groups = ["leader", "leader", "any-follower", "minority"]
            if options.nodes >= 5:
                groups += ["leader,any-follower"] * 2
            group = rng.choice(groups)
            return actions.Partition((group,)), lasts_us


def _depose(rng: random.Random, options: Options) -> tuple[Action, int | None]:
    """The leader is cut off for so long that the others have time to elect and to go on."""
    group = "leader,any-follower" if options.nodes >= 5 and rng.random() < 0.5 else "leader"
    return actions.Partition((group,)), options.election_timeout_ms * rng.randint(2 * MS, 12 * MS)


def _net(rng: random.Random, options: Options) -> tuple[Action, int | None]:
    latency_ms = rng.choice([0.0, 5.0, 50.0, 300.0])
    effects = LinkRule(
        0,
        0,
        0,
        latency_ms=latency_ms,
        jitter_ms=latency_ms * rng.choice([0.0, 0.5]),
        drop=rng.choice([0.0, 0.05, 0.3]),
        duplicate=rng.choice([0.0, 0.2]),
        reorder=rng.choice([0.0, 0.2]),
        corrupt=rng.choice([0.0, 0.0, 0.05]),
        rate_bytes_s=rng.choice([0, 0, 20_000]),
    )
    if not (latency_ms or effects.drop or effects.duplicate or effects.reorder or effects.corrupt):
        effects = LinkRule(0, 0, 0, drop=0.5)
    link = rng.choice(["leader:any-follower", "any-follower:leader", "leader:rest", "all:all"])
    return actions.Net((link,), effects), _lasting(rng, options)


# -- disks and clocks ------------------------------------------------------------------------------
def _disk(rng: random.Random, options: Options) -> tuple[Action, int | None]:
    timeout_us = options.election_timeout_ms * MS
    who = (rng.choice(["leader", "leader", "any-follower", "any"]),)
    match rng.randrange(4):
        case 0:
            return actions.Disk(who, "stall", round(timeout_us * rng.choice([1, 3, 6]))), None
        case 1:
            slow_us = min(500 * MS, round(timeout_us * rng.choice([0.2, 1, 2])))
            return actions.Disk(who, "slow", slow_us), _lasting(rng, options)
        case 2:
            return actions.Disk(who, "full"), _lasting(rng, options)
        case _:
            return actions.Disk(who, "fail"), _lasting(rng, options)


def _clock(rng: random.Random, options: Options) -> tuple[Action, int | None]:
    """Within what a lease allows, where there are lease reads."""
    who = (rng.choice(["leader", "any-follower", "any"]),)
    if options.lease_reads:
        return actions.Clock(who, rate=rng.choice([0.96, 1.04])), _lasting(rng, options)
    if rng.random() < 0.5:
        return actions.Clock(who, jump_us=rng.choice([100 * MS, 2 * SECOND])), None
    return actions.Clock(who, rate=rng.choice([0.5, 0.9, 1.1, 2.0])), _lasting(rng, options)


# -- the cluster -----------------------------------------------------------------------------------
def _members(rng: random.Random, options: Options) -> tuple[Action, int | None]:
    match rng.randrange(6):
        case 0 | 1:
            return actions.MembersAdd(learner=rng.random() < 0.2), None
        case 2:
            return actions.MembersRemove((rng.choice(["leader", "any-follower", "any"]),)), None
        case 3:
            return actions.MembersDemote((rng.choice(["leader", "any-follower"]),)), None
        case 4:
            return actions.MembersPromote(("any-follower",)), None
        case _:
            return actions.MembersReplace(rng.choice(["leader", "any-follower", "any"])), None


def _transfer(rng: random.Random, options: Options) -> tuple[Action, int | None]:
    return actions.Transfer(rng.choice([None, "any-follower"])), None


def _snapshot(rng: random.Random, options: Options) -> tuple[Action, int | None]:
    return actions.SnapshotTake((rng.choice(["leader", "any-follower", "all"]),)), None


KINDS: tuple[Draw, ...] = (
    _kill,
    _stop,
    _restart,
    _pause,
    _wipe,
    _partition,
    _net,
    _disk,
    _clock,
    _members,
    _transfer,
    _snapshot,
)
