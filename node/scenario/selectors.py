"""Which nodes a line means: n1 n2, leader, followers, minority, not:leader, all, ..."""

import re
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

from node.scenario.errors import LeaderlessError, NoSuchNodeError, SelectorError

if TYPE_CHECKING:
    import random  # no command that selects nodes should pay for it

WORDS = (
    "leader", "follower", "followers", "any", "any-follower", "minority", "majority", "lagging",
    "rest", "all",
)  # fmt: skip

_NUMBER = re.compile(r"n?([0-9]{1,18})")


class Scene(NamedTuple):
    """What a selector looks at: a cluster in one moment. Nodes are their ids, in order."""

    ids: tuple[int, ...]
    leader: int | None
    running: Collection[int]
    """Those that work: neither dead nor frozen."""
    voters: Collection[int]
    wiped: Collection[int] = ()
    """Those that lost their disk, and their vote with it."""
    lagging: Collection[int] = ()
    name: str = "the cluster"


def resolve(
    selectors: Sequence[str], scene: Scene, rng: "random.Random | None" = None
) -> list[int]:
    """The nodes' ids, each once, in the order of asking. Nothing given is an error, never all.

    What was asked for may be nobody: `lagging` where no node lags. `any` and its like are the first
    that will do, or one that `rng` chooses. Raises SelectorError: NoSuchNodeError for an unknown
    node, LeaderlessError for a leader where none is.
    """
    if not selectors:
        raise SelectorError("which nodes?", "name them: n1 n2, leader, followers, all")
    return _Resolution(scene, rng).words(selectors)


def resolve_group(
    text: str, scene: Scene, others: Sequence[int] = (), rng: "random.Random | None" = None
) -> list[int]:
    """One group, separated by commas; `rest` is all but `others` and what stands before it.

    `any` and its like are rather none of the others.
    """
    return _Resolution(scene, rng, others).words([text])


def _tokens(texts: Sequence[str]) -> list[str]:
    """Words and their parts between commas; `not:` takes all that follows it in its word."""
    tokens: list[str] = []
    for word in " ".join(texts).split():
        plain, negation, excluded = re.split(r"((?:^|(?<=,))not:|$)", word, maxsplit=1)
        tokens += [token for token in plain.split(",") if token]
        if negation:
            tokens.append(negation + excluded)
    return tokens


class _Resolution(NamedTuple):
    scene: Scene
    rng: "random.Random | None"
    others: Sequence[int] = ()

    def words(self, texts: Sequence[str]) -> list[int]:
        chosen: list[int] = []
        for token in _tokens(texts):
            for node_id in self._token(token, [*self.others, *chosen]):
                if node_id not in chosen:
                    chosen.append(node_id)
        return chosen

    def _token(self, token: str, chosen: Sequence[int]) -> list[int]:
        if token.startswith("not:"):
            parts = _tokens([token.removeprefix("not:")])
            if not parts:
                raise SelectorError("not whom?", "not:leader, not:n1,n2")
            excluded = {each for part in parts for each in self._token(part, chosen)}
            return [node_id for node_id in self.scene.ids if node_id not in excluded]
        if found := _NUMBER.fullmatch(token):
            return [self._known(int(found[1]))]
        if token == "rest":
            return self._rest(chosen)
        if token not in _BY_WORD:
            hint = f"n1 or 1, or one of: {', '.join(WORDS)}"
            raise SelectorError(f"{token!r} selects nothing", hint)
        return _BY_WORD[token](self)

    def _known(self, node_id: int) -> int:
        if node_id not in self.scene.ids:
            hint = f"it has {', '.join(f'n{each}' for each in self.scene.ids)}"
            raise NoSuchNodeError(f"{self.scene.name} has no node n{node_id}", hint)
        return node_id

    def _rest(self, chosen: Sequence[int]) -> list[int]:
        if not chosen:
            hint = "rest follows what it leaves out: n1 rest, 1,2 / rest"
            raise SelectorError("rest of what?", hint)
        return [node_id for node_id in self.scene.ids if node_id not in chosen]

    def leader(self) -> int:
        if self.scene.leader is None:
            hint = "wait for one: leader-change"
            raise LeaderlessError(f"{self.scene.name} has no leader", hint)
        return self.scene.leader

    def running(self) -> list[int]:
        return [node_id for node_id in self.scene.ids if node_id in self.scene.running]

    def followers(self) -> list[int]:
        leader = self.leader()
        return [node_id for node_id in self.running() if node_id != leader]

    def majority(self) -> list[int]:
        """As few voters as decide, the leader among them, and first where there is one."""
        voters = [node_id for node_id in self.scene.ids if node_id in self.scene.voters]
        voters.sort(key=lambda node_id: (node_id != self.scene.leader, node_id))
        return voters[: len(self.scene.voters) // 2 + 1]

    def minority(self) -> list[int]:
        majority = self.majority()
        return [node_id for node_id in self.scene.ids if node_id not in majority]

    def one(self, ids: list[int], what: str) -> list[int]:
        """One of them, with a vote if there is one: a wiped node holds little, and cannot lead."""
        if not ids:
            raise NoSuchNodeError(f"there is no {what}")
        ids = [node_id for node_id in ids if node_id not in self.others] or ids
        voting = set(self.scene.voters).difference(self.scene.wiped)
        preferred = [node_id for node_id in ids if node_id in voting] or ids
        return [preferred[0] if self.rng is None else self.rng.choice(preferred)]


_BY_WORD: dict[str, Callable[[_Resolution], list[int]]] = {
    "leader": lambda here: [here.leader()],
    "follower": lambda here: here.one(here.followers(), "follower"),
    "followers": lambda here: here.followers(),
    "any": lambda here: here.one(here.running(), "running node"),
    "any-follower": lambda here: here.one(here.followers(), "follower"),
    # The leader belongs to the majority: a minority is what a cluster can lose, learners included.
    "majority": lambda here: here.majority(),
    "minority": lambda here: here.minority(),
    "lagging": lambda here: [each for each in here.scene.ids if each in here.scene.lagging],
    "all": lambda here: list(here.scene.ids),
}
