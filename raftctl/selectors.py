"""Which nodes a command means: the grammar of `node.scenario.selectors` over a status."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from node.scenario import selectors as grammar
from node.scenario.errors import LeaderlessError, NoSuchNodeError, ScenarioError
from node.scenario.selectors import WORDS as WORDS
from node.scenario.selectors import Scene
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.statusdocs import Node, Status
from raftctl.values import usage

_noted: ContextVar[list[Scene] | None] = ContextVar("noted", default=None)


def resolve(selectors: Sequence[str], status: Status) -> list[int]:
    """The nodes' ids, each once, in the order of asking. Nothing given is an error, never all.

    What was asked for may be nobody: `lagging` where no node lags. Raises CliError for an unknown
    node (exit 9), a bad selector (2), a leader where none is (5).
    """
    with cli_errors():
        return grammar.resolve(selectors, scene_of(status))


def resolve_group(text: str, status: Status, others: Sequence[int] = ()) -> list[int]:
    """One group, separated by commas; `rest` is all but `others` and what stands before it."""
    with cli_errors():
        return grammar.resolve_group(text, scene_of(status), others)


def scene_of(status: Status) -> Scene:
    """What selectors look at, out of what the nodes said."""
    rows = status.nodes
    scene = Scene(
        ids=tuple(map(_id, rows)),
        leader=None if status.leader is None else int(status.leader[1:]),
        running={_id(row) for row in rows if row.proc == "running"},
        voters=voters_of(status),
        wiped={_id(row) for row in rows if row.voting is False},
        lagging={_id(row) for row in rows if row.lag},
        name=status.cluster,
    )
    if (noted := _noted.get()) is not None:
        noted.append(scene)
    return scene


@contextmanager
def noting_scenes() -> Iterator[list[Scene]]:
    """The scenes that selectors are looked up in meanwhile, in their order."""
    scenes: list[Scene] = []
    token = _noted.set(scenes)
    try:
        yield scenes
    finally:
        _noted.reset(token)


def voters_of(status: Status) -> set[int]:
    """Those whose vote counts; all nodes where nobody could be asked."""
    members = status.configuration
    if members is None:
        return {_id(row) for row in status.nodes}
    return {int(name[1:]) for name in members.voters}


def _id(row: Node) -> int:
    return int(row.id[1:])


@contextmanager
def cli_errors() -> Iterator[None]:
    """What a line cannot mean becomes the CliError that a command ends with."""
    try:
        yield
    except LeaderlessError as error:
        raise CliError(
            "E_NO_LEADER",
            error.message,
            Exit.NO_QUORUM,
            hint="raftctl status, raftctl wait leader",
            retryable=True,
        ) from error
    except NoSuchNodeError as error:
        raise CliError("E_NO_NODE", error.message, Exit.NOT_FOUND, hint=error.hint) from error
    except ScenarioError as error:
        raise usage(error.message, error.hint) from error
