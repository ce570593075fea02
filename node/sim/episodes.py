"""Faults that follow each other in a certain order: what single ones hardly ever come to by chance.

Each episode leads up to a moment in which a rule of the algorithm is all that keeps a cluster
right: a promise that is still good, an answer that is late, a log that is about to be replaced.
"""

import random
from collections.abc import Callable

from node.scenario import actions
from node.scenario.actions import Action
from node.scenario.effects import NOTHING
from node.scenario.scenario import Step
from node.scenario.when import At, LeaderChange, Mark
from node.sim.options import Options
from node.sim.streams import stream

MS = 1000
SECOND = 1_000_000
GAP_US = (SECOND // 5, 3 * SECOND // 2)

FROM_LEADER = ("leader:rest",)
ASKING = ("RequestPreVote", "RequestPreVoteResponse")

LOADS_LONG_TIMEOUTS = 4
"""To load a snapshot may take so many election timeouts: others can take over meanwhile."""

Episode = Callable[["Stage"], None]


class Stage:
    """Where an episode puts its steps: `at` is its present moment, in microseconds."""

    def __init__(self, rng: random.Random, options: Options, at: int) -> None:
        self.rng = rng
        self.options = options
        self.at = at
        self.steps: list[Step] = []
        self.timeout_us = options.election_timeout_ms * MS
        self.one = f"n{rng.randint(1, options.nodes)}"
        """A node that the episode is about; it may turn out to lead, and most comes to nothing."""
        self.name = f"episode-{at}"

    def timeouts(self, least: float, most: float) -> int:
        """A duration, in election timeouts."""
        return round(self.timeout_us * self.rng.uniform(least, most))

    def wait(self, lasts_us: int) -> None:
        self.at += lasts_us

    def do(self, action: Action, lasts_us: int | None = None, name: str = "") -> None:
        left_us = self.options.duration_ms * MS - self.at
        if left_us > 0:
            lasts_us = None if lasts_us is None else min(lasts_us, left_us)
            self.steps.append(Step(At(self.at), action, name, lasts_us))


def episodes(seed: int, options: Options) -> tuple[list[Step], bool]:
    """Those of a seed, none in a third of them, and whether there are other faults beside them:
    these mostly spoil what takes a certain leader at a certain moment.
    """
    rng = stream(seed, "episodes")
    if rng.random() < 1 / 3 or options.nodes < 3:
        return [], True
    kinds, others = KINDS, 0.8
    if options.check_quorum and rng.random() < 0.6:
        kinds, others = OF_LEASES if options.lease_reads else OF_PROMISES, 0.4
    elif options.load_ms_max >= LOADS_LONG_TIMEOUTS * options.election_timeout_ms:
        kinds, others = OF_LOADING, 0.4
    chosen = [kind for kind in kinds if rng.random() < 0.5] or [rng.choice(kinds)]
    has_others = rng.random() < others
    steps: list[Step] = []
    at = rng.randrange(2 * SECOND)
    while at < options.duration_ms * MS:
        stage = Stage(rng, options, at)
        rng.choice(chosen)(stage)
        steps += stage.steps
        at = stage.at + rng.randint(*GAP_US)
    return steps, has_others


# -- promises --------------------------------------------------------------------------------------
def _rival(stage: Stage) -> None:
    """One node loses touch with a leader that the others hear, and asks for votes. Now and then
    they start anew just then, and have their promise to the leader from an earlier life alone.
    """
    rng, one = stage.rng, stage.one
    links = (f"leader:{one}", f"{one}:leader")
    stage.do(actions.Partition(one_way=links), stage.timeouts(3, 8))
    stage.wait(stage.timeouts(1, 3))
    if rng.random() < 0.7:
        stage.do(actions.Restart((f"not:leader,{one}",)))
        stage.wait(rng.randrange(2 * MS))
        stage.do(actions.Partition(("leader",)), stage.timeouts(1, 3))
    stage.wait(stage.timeouts(1, 3))


def _doubt(stage: Stage) -> None:
    """A leader falls silent again and again for about as long as its followers wait, and is back
    while they ask each other for votes, which takes its time.
    """
    rng, begin = stage.rng, stage.at
    silence = rng.choice([actions.Partition(("leader",)), actions.Partition(one_way=FROM_LEADER)])
    for _ in range(rng.randint(3, 8)):
        silent_us = stage.timeouts(1, 2)
        stage.do(silence, silent_us)
        stage.wait(silent_us + stage.timeouts(0.5, 2))
    lasts_us, stage.at = stage.at - begin, begin
    asking_us = stage.timeouts(0.05, 0.3)
    voting_us = asking_us + stage.timeouts(0.1, 0.5)
    for kinds, slow_us in ((ASKING, asking_us), (("RequestVote",), voting_us)):
        slow = NOTHING._replace(latency_ms=slow_us / MS, jitter_ms=slow_us // 2 / MS, only=kinds)
        stage.do(actions.Net(("all:all",), slow), lasts_us)
    stage.wait(lasts_us)


# -- leases ----------------------------------------------------------------------------------------
def _slow_answers(stage: Stage) -> None:
    """What a leader is answered comes late, and goes on coming when nobody hears it any more."""
    slow = NOTHING._replace(latency_ms=stage.timeouts(0.3, 1.5) / MS)
    stage.do(actions.Net(("not:leader:leader",), slow), stage.timeouts(4, 8))
    stage.wait(stage.timeouts(1, 3))
    stage.do(actions.Partition(one_way=FROM_LEADER), stage.timeouts(2, 4))
    stage.wait(stage.timeouts(3, 5))


def _late_word(stage: Stage) -> None:
    """A leader's word that its successor may campaign comes when the leader has given that up, and
    just then nobody answers the leader any more.
    """
    rng = stage.rng
    late_us = stage.timeouts(1, 1.3)
    late = NOTHING._replace(latency_ms=late_us / MS, only=("TimeoutNow",))
    lasts_us = stage.timeouts(2, 3)
    stage.do(actions.Net(FROM_LEADER, late), lasts_us)
    stage.wait(rng.randrange(lasts_us // 4))
    stage.do(actions.Transfer(None))
    stage.wait(late_us - rng.randrange(late_us // 10))
    stage.do(actions.Partition(one_way=("not:leader:leader",)), stage.timeouts(1, 3))
    stage.wait(stage.timeouts(2, 4))


# -- snapshots -------------------------------------------------------------------------------------
def _fork(stage: Stage) -> None:
    """A leader that is cut off goes on with entries of its own, and comes back when a snapshot
    stands for what the others have in their places.
    """
    name, rng = stage.name, stage.rng
    cut_us = stage.timeouts(4, 8)
    stage.do(actions.Partition(("leader",)), cut_us, name)
    soon_us = rng.randrange(20 * MS)
    stage.steps += [
        Step(LeaderChange(Mark(name), soon_us), actions.SnapshotTake(("all",))),
        Step(LeaderChange(Mark(name), soon_us + rng.randrange(50 * MS)), actions.Heal(name)),
    ]
    stage.wait(cut_us)


def _left_behind(stage: Stage) -> None:
    """One node is away until the entries that it lacks are gone from its leader, and while it is
    sent a snapshot, over a link that loses some, another one that has the entries takes over.
    """
    rng, one = stage.rng, stage.one
    away_us = stage.timeouts(1, 3) + rng.randrange(500 * MS)
    stage.do(actions.Kill((one,)), away_us)
    stage.wait(away_us)
    stage.do(actions.SnapshotTake((rng.choice(["leader", "leader", "all"]),)))
    if rng.random() < 0.5:
        lossy = NOTHING._replace(drop=rng.choice([0.1, 0.3]))
        stage.do(actions.Net((f"leader:{one}",), lossy), stage.timeouts(2, 10))
    stage.wait(rng.randrange(10 * MS + stage.options.snapshot_ms_max * MS))
    if rng.random() < 0.7:
        stage.do(actions.Transfer(None))


def _overtaken(stage: Stage) -> None:
    """A leader's last entries are committed and in a snapshot, which it sends to a node that was
    away, and none of the others, which hear from it late, learns of that. While that node loads it,
    who leads next has the same entries, sends them, and hears from nobody else.
    """
    rng, one, options = stage.rng, stage.one, stage.options
    name, latency_us = stage.name, round((options.latency_ms + options.jitter_ms) * MS)
    written_us = options.snapshot_ms_max * MS
    away_us = stage.timeouts(2, 6) + 500 * MS
    soon_us = rng.randrange(10 * MS)
    stage.do(actions.Kill((one,)), away_us + 2 * latency_us + rng.randrange(written_us + 2 * MS))
    others = (f"leader:not:leader,{one}",)
    slow_us = min(stage.timeouts(1, 2), away_us)
    stage.wait(away_us - slow_us)
    slow = NOTHING._replace(latency_ms=stage.timeouts(0.2, 0.4) / MS)
    stage.do(actions.Net(others, slow), slow_us)
    stage.wait(slow_us)
    silent_us = stage.timeouts(3, 6)
    stage.do(actions.Partition(one_way=others), silent_us, name)
    after = LeaderChange(Mark(name), soon_us)
    stage.steps.append(Step(after, actions.Partition((f"leader,{one}",)), "", stage.timeouts(2, 6)))
    stage.wait(2 * latency_us + rng.randrange(2 * MS))
    stage.do(actions.SnapshotTake(("leader",)))
    stage.wait(silent_us)


# -- members ---------------------------------------------------------------------------------------
def _change_in_doubt(stage: Stage) -> None:
    """Snapshots are taken while a change of the members is not committed."""
    rng = stage.rng
    changes: list[Action] = [actions.MembersAdd(), actions.MembersRemove(("any-follower",))]
    change = rng.choice(changes)
    if rng.random() < 0.5:
        stage.do(actions.Partition(("leader",)), stage.timeouts(1, 3))
        stage.wait(rng.randrange(MS))
    stage.do(change)
    for _ in range(3):
        stage.wait(rng.randrange(20 * MS))
        stage.do(actions.SnapshotTake(("all",)))


KINDS: tuple[Episode, ...] = (_fork, _left_behind, _change_in_doubt)
OF_PROMISES: tuple[Episode, ...] = (_rival, _doubt)
OF_LEASES: tuple[Episode, ...] = (*OF_PROMISES, _slow_answers, _late_word)
OF_LOADING: tuple[Episode, ...] = (_overtaken,)
