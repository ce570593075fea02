"""Whose log a cluster goes on with when its quorum is lost, and what that decides.

An entry counts as committed once a majority holds it, but who is left may not know that it was. So
all that the chosen log holds becomes committed: entries that are known to be are among them, and
others of which nobody can say whether a client was told.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from node.raft.configuration import Configuration
from node.raft.quorum import majority
from raftctl.cluster.comparing import illegal_at, parting
from raftctl.cluster.nodelogs import NodeLog
from raftctl.errors import CliError
from raftctl.exit_codes import Exit


@dataclass(frozen=True, slots=True)
class Loss:
    """Entries `first` to `last` of `log` that the chosen one does not have."""

    log: NodeLog
    first: int
    last: int
    committed: int
    """Up to where of them they were known to be committed."""

    @property
    def count(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Choice:
    """The log that is taken. `commit_index`: what the survivors together know to be committed."""

    log: NodeLog
    configuration: Configuration
    commit_index: int
    term: int
    """A new one, above all that a survivor has seen."""
    losses: tuple[Loss, ...]

    @property
    def tail(self) -> range:
        """The entries that this commits."""
        return range(self.commit_index + 1, self.log.last_index + 1)

    @property
    def id(self) -> tuple[object, ...]:
        """What has to be the same still when it is done as when it was shown."""
        log = self.log
        losses = tuple((each.log.name, each.first, each.last) for each in self.losses)
        return (log.name, log.last_term, log.last_index, self.commit_index, losses)


def choose(logs: Sequence[NodeLog], line: str) -> Choice:
    """The most up-to-date of the survivors' logs, of those that hold all that is known to be
    committed.

    The last term alone does not say that: a log may end with a later one, of a leader that never
    committed, and lack what was committed afterwards (paper 5.4.2). `line`: how a command line
    begins. Raises CliError when two logs contradict each other in what is committed.
    """
    knowing = max(logs, key=lambda log: log.commit_index)
    for log in logs:
        if log is not knowing:
            _check_legal(knowing, log, line)
    able = [log for log in logs if _holds(log, knowing)]
    best = max(
        able, key=lambda log: (log.last_term, log.last_index, log.commit_index, -log.node_id)
    )
    losses = [loss for log in logs if log is not best and (loss := _loss(best, log)) is not None]
    return Choice(
        best,
        best.configuration,
        knowing.commit_index,
        max(log.current_term for log in logs) + 1,
        tuple(losses),
    )


def _holds(log: NodeLog, knowing: NodeLog) -> bool:
    """Whether it holds what `knowing` knows to be committed."""
    index = knowing.commit_index
    return log.last_index >= index and log.term_at(index) in (None, knowing.term_at(index))


def _check_legal(one: NodeLog, other: NodeLog, line: str) -> None:
    index = illegal_at(one, other)
    if index is not None:
        raise CliError(
            "E_DIVERGED",
            f"{one.name} and {other.name} contradict each other: both say that entry {index:,} is "
            "committed, and it is not the same one",
            Exit.CHECK_FAILED,
            hint=f"{line} log diff {one.name} {other.name} shows it; name the one to believe",
        )


def _loss(best: NodeLog, log: NodeLog) -> Loss | None:
    first = parting(best, log)
    if first is None or first > log.last_index:
        return None
    return Loss(log, first, log.last_index, min(log.commit_index, log.last_index))


def ahead_of(choice: Choice, others: Iterable[NodeLog]) -> list[Loss]:
    """What those who were not chosen hold beside that log: to choose them too would keep it."""
    return [loss for log in others if (loss := _loss(choice.log, log)) is not None]


# -- the quorum ------------------------------------------------------------------------------------
def names(node_ids: Iterable[int]) -> str:
    return " ".join(f"n{node_id}" for node_id in sorted(node_ids)) or "none"


def arithmetic(configuration: Configuration, present: Collection[int]) -> str:
    """How many votes there are and how many are needed, of both halves during a change."""
    halves = [(configuration.voters, "voters")]
    if configuration.is_joint:
        halves = [(configuration.outgoing, "old voters"), (configuration.voters, "new voters")]
    parts = []
    for half, what in halves:
        there = half.intersection(present)
        parts.append(
            f"of the {what} {names(half)} there {_are(len(there))} {names(there)}: {len(there)} of "
            f"{len(half)}, {majority(len(half))} {_are(majority(len(half)))} needed"
        )
    return "; ".join(parts)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def check_members(configuration: Configuration, survivors: Iterable[int]) -> None:
    """Raises CliError for a survivor that does not belong to the cluster."""
    strangers = set(survivors) - configuration.members
    if strangers:
        raise CliError(
            "E_NO_MEMBER",
            f"{names(strangers)} {_are(len(strangers))} no member{'s' * (len(strangers) > 1)}: the "
            f"newest log that was chosen has {names(configuration.members)}",
            Exit.PRECONDITION,
            hint="choose members, without it",
        )


def check_lost(
    configuration: Configuration,
    survivors: Collection[int],
    alive: Mapping[int, str],
    leader: str | None,
    line: str,
) -> None:
    """Raises CliError when those that are chosen and those that run have a quorum. `alive`: what
    the processes of nodes with a vote do, by node; `line`: how a command line begins.
    """
    present = {*survivors, *alive}
    if not configuration.has_quorum(present):
        return  # a leader, if there is one, does not know yet
    down = configuration.electorate.intersection(present) - alive.keys()
    paused = [node_id for node_id, proc in alive.items() if proc == "paused"]
    hint = (
        f"{line} doctor says why they have no leader, {line} heal all ends all faults; where they "
        f"can elect none, {line} down first"
    )
    if paused:
        hint = f"{line} resume {names(paused)}"
    if down:
        hint = f"{line} start {names(down)}"
    if leader is not None:
        hint = f"{leader} leads: {line} members remove makes a working cluster smaller"
    raise CliError(
        "E_QUORUM",
        f"the quorum is not lost: {arithmetic(configuration, present)}",
        Exit.PRECONDITION,
        hint=hint,
    )
