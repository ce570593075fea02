"""What an operator does who changes the members of a simulated cluster: try, wait, try again."""

from collections.abc import Callable, Collection, Iterable
from functools import partial

from node.raft.configuration import AddLearner, Change, Configuration, Demote, Promote, Remove
from node.raft.errors import ConfigurationError
from node.scenario import actions
from node.scenario.actions import Action
from node.scenario.errors import ScenarioError
from node.scenario.scenario import NODES_MAX
from node.sim.outcome import Outcome
from node.sim.trace import Trace
from node.sim.world import MS, World
from node.wire.messages import Document, Failure

RETRY_MS = 100
PATIENCE_MS = 10_000
"""For so long an operator tries."""
NO_SUCH_MEMBER = frozenset({"bad_request", "bad_change"})


class Membership:
    """Changes of the members, one after the other or at once. `removed` hears who is none now."""

    def __init__(self, world: World, trace: Trace, removed: Callable[[int], None]) -> None:
        self._world = world
        self._trace = trace
        self._removed = removed
        self._is_over = False

    def stop(self) -> None:
        """Nothing is tried any more."""
        self._is_over = True

    def add(self, action: actions.MembersAdd, outcome: Outcome) -> None:
        """A new node comes."""
        self._try([self._come(action)], outcome)

    def _come(self, action: actions.MembersAdd) -> AddLearner:
        node_id = action.node or max(self._world.hosts) + 1
        if node_id in self._world.hosts:
            raise ScenarioError(f"n{node_id} was given before, and no id comes back")
        if node_id > max(self._world.hosts) + NODES_MAX or len(self._world.rows) >= NODES_MAX:
            raise ScenarioError("a cluster of nine is large enough")
        self._trace.note("members add", node_id)
        self._world.make_node(node_id).start()
        return AddLearner(node_id, f"n{node_id}:1", promote=not action.learner)

    def replace(self, action: actions.MembersReplace, old_id: int, outcome: Outcome) -> None:
        """Another one in the place of `old_id`."""
        comer = self._come(actions.MembersAdd(action.new, learner=True))
        self._try([comer], Outcome(outcome.line))  # the other change cannot be done without it
        self._trace.note("members replace", old_id, by=f"n{comer.id}")
        self._try([Promote(comer.id), Remove(old_id)], outcome)

    def change(
        self, action: Action, ids: Iterable[int], whole: Collection[int], outcome: Outcome
    ) -> None:
        """Promote, demote or remove these; `whole` are the nodes with a disk."""
        kinds: dict[type[Action], type[Promote | Demote | Remove]] = {
            actions.MembersPromote: Promote,
            actions.MembersDemote: Demote,
            actions.MembersRemove: Remove,
        }
        changes: list[Change] = [kinds[type(action)](node_id) for node_id in ids]
        self._check_quorum_stays(changes, whole)
        self._try(changes, outcome)

    def _check_quorum_stays(self, changes: list[Change], whole: Collection[int]) -> None:
        """As `raftctl members` does: who is left has to be able to go on."""
        configuration = self._world.configuration
        try:
            target = configuration.changed(changes)
        except ConfigurationError as error:
            raise ScenarioError(str(error)) from error
        if not target.has_quorum(whole):
            raise ScenarioError("no quorum of those that are left has its disks")

    def _try(self, changes: list[Change], outcome: Outcome) -> None:
        """Until it is done, refused for good, or an operator has had enough."""
        deadline = self._world.kernel.now + PATIENCE_MS * MS
        self._attempt(changes, outcome, deadline)

    def _attempt(self, changes: list[Change], outcome: Outcome, deadline: int) -> None:
        world = self._world
        if self._is_over:
            return
        if world.kernel.now >= deadline:
            self._trace.note("given up", what=", ".join(map(_change_text, changes)))
            outcome.refusal = "given up"
            return
        leader = world.leader
        if leader is None or not leader.is_up:
            again = partial(self._attempt, changes, outcome, deadline)
            world.kernel.after(RETRY_MS * MS, "fault", again)
            return

        def then(node_id: int, answer: Document | Failure) -> None:
            what = ", ".join(map(_change_text, changes))
            if isinstance(answer, Document):
                self._trace.note("changed", node_id, what=what)
                outcome.changed()
                for change in changes:
                    if isinstance(change, Remove):
                        self._removed(change.id)
            elif answer.code in NO_SUCH_MEMBER:
                self._trace.note("refused", node_id, what=what, why=answer.message)
                self._refused(changes, outcome, answer.message)
            else:
                again = partial(self._attempt, changes, outcome, deadline)
                world.kernel.after(RETRY_MS * MS, "fault", again)

        world.change_members(leader.id, changes, then)

    def _refused(self, changes: list[Change], outcome: Outcome, why: str) -> None:
        """What is so already was done by an attempt whose answer was lost."""
        if all(_is_so(each, self._world.configuration) for each in changes):
            outcome.changed()
        else:
            outcome.refusal = why


def _is_so(change: Change, configuration: Configuration) -> bool:
    match change:
        case AddLearner(id=node_id):
            return node_id in configuration.members
        case Promote(id=node_id):
            return node_id in configuration.voters
        case Demote(id=node_id):
            return node_id in configuration.learners
        case Remove(id=node_id):
            return node_id not in configuration.members


def _change_text(change: Change) -> str:
    return f"{type(change).__name__.lower()} n{change.id}"
