"""Who belongs to a cluster, as its nodes say, and what that means for its majorities."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from node.config import ClusterSpec, first_configuration
from node.raft.configuration import Configuration
from node.raft.quorum import majority
from raftctl import statusdocs


class View(NamedTuple):
    """The configuration in force, by the word of the leader, or of who has the newest log.

    `index` is None when nobody could be asked: then all nodes of cluster.json count as voters.
    `progress` is what the leader knows about the others, by node; empty without a leader.
    """

    configuration: Configuration
    index: int | None = None  # type: ignore[assignment]  # not the method of tuples
    leader: int | None = None
    is_committed: bool = False
    last_index: int = 0
    progress: Mapping[int, Mapping[str, Any]] = {}

    @property
    def is_settled(self) -> bool:
        """Whether no change is under way."""
        return self.is_committed and not self.configuration.is_joint

    def role_of(self, node_id: int) -> str | None:
        """voter, learner, joining, leaving or none (`statusdocs`); None when it is not known."""
        configuration = self.configuration
        if self.index is None:
            return None
        if node_id in configuration.voters:
            is_new = configuration.is_joint and node_id not in configuration.outgoing
            return "joining" if is_new else "voter"
        if node_id in configuration.outgoing:
            return "leaving"
        if node_id in configuration.learners:
            return "joining" if node_id in configuration.promotable else "learner"
        return "none"

    def document(self) -> statusdocs.Configuration:
        configuration = self.configuration
        return statusdocs.Configuration(
            index=self.index,
            settled=self.is_settled,
            joint=configuration.is_joint,
            voters=names(configuration.voters),
            outgoing=names(configuration.outgoing),
            learners=names(configuration.learners),
        )


def names(node_ids: Collection[int]) -> list[str]:
    return [f"n{node_id}" for node_id in sorted(node_ids)]


def named(text: str) -> str:
    """What the core says about a member, which it knows by number: `4 is not a learner`."""
    return f"n{text}" if text[:1].isdigit() else text


def view_of(answers: Mapping[int, object], spec: ClusterSpec) -> View:
    """What the status documents among `answers` say."""
    documents = [each for each in answers.values() if isinstance(each, dict)]
    leaders = [each for each in documents if each["role"] == "leader"]
    if leaders:
        best = max(leaders, key=lambda each: each["term"])
    else:
        # A node that is to be added knows of no members yet, and a wiped one has forgotten.
        knowing = [each for each in documents if each["voting"] and each["configuration"]["voters"]]
        if not knowing:
            return View(first_configuration(spec.nodes))
        best = max(knowing, key=lambda each: (each["configuration_index"], each["commit_index"]))
    index = best["configuration_index"]
    return View(
        Configuration.from_map(best["configuration"]),
        index,
        best["id"] if leaders else None,
        index <= best["commit_index"],
        best["last_index"],
        {int(node_id): progress for node_id, progress in best["progress"].items()},
    )


class Count(NamedTuple):
    """Of `voters` nodes that vote `have` are alive, and `need` are needed."""

    have: int
    need: int
    voters: int

    @property
    def spare(self) -> int:
        """How many more may fail; negative: so many are missing."""
        return self.have - self.need


def count(configuration: Configuration, alive: Collection[int]) -> Count:
    """The majority that is needed; during a change of the voters that of the half worse off."""
    halves = [configuration.voters]
    if configuration.outgoing:
        halves.append(configuration.outgoing)
    counts = [
        Count(len(half.intersection(alive)), majority(len(half)), len(half)) for half in halves
    ]
    return min(counts, key=lambda each: each.spare)
