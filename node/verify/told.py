"""Raft's rules over what nodes tell of themselves: roles, terms, votes and how far they are.

Each record is a map with `node`, `boot` (which life of it), `kind`, and what that kind has: the
`raft.jsonl` of a run. A node tells what it knows when it tells it, and of one that is killed the
last words may be missing, so only what holds between any two things that were told is a rule here.
A state is what a node was at one moment, however many moments before it were left out.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Record = Mapping[str, Any]


class Broken(NamedTuple):
    """A rule that did not hold."""

    rule: str
    text: str


class Told:
    """What was told so far. `take` gives what a record breaks."""

    def __init__(self) -> None:
        self.broken: list[Broken] = []
        self.records = 0
        self.tellers: set[int] = set()
        """The nodes that told anything."""
        self.missing = 0
        """So many things were told that did not arrive."""
        self._leaders: dict[int, int] = {}
        """By term (paper 5.2)."""
        self._led_with: dict[int, int] = {}
        """By term: the lowest last index that its leader told of itself."""
        self._committed_in: dict[int, int] = {}
        """By term: the highest index that anybody in it told to be committed."""
        self._terms: dict[int, int] = {}
        self._votes: dict[tuple[int, int], Any] = {}
        """By node and term."""
        self._lives: dict[int, dict[str, Any]] = {}
        """The status of each node in its present life, as far as it was told."""
        self._boots: dict[int, Any] = {}
        """The life of which each node told last."""
        self._wiped: dict[int, Any] = {}
        """The lives that nodes lost with their data; what is told of those comes late."""

    @property
    def terms(self) -> int:
        """How many terms had a leader."""
        return len(self._leaders)

    @property
    def committed(self) -> int:
        """How far the log is committed, as far as was told."""
        return max((life.get("commit_index", 0) for life in self._lives.values()), default=0)

    def wiped(self, node: int) -> None:
        """What this node told before says nothing about what it tells from now on."""
        self._wiped[node] = self._boots.get(node)

    def take(self, record: Record) -> None:
        """Look at one more record, in the order in which they were told."""
        self.records += 1
        node, kind = record["node"], record["kind"]
        self.tellers.add(node)
        if node in self._wiped:
            if record["boot"] == self._wiped[node]:
                return
            self._forget(node)
        self._boots[node] = record["boot"]
        take = self._takers.get(kind)
        if take is not None:
            take(self, node, record)

    def _forget(self, node: int) -> None:
        del self._wiped[node]
        self._terms.pop(node, None)
        self._lives.pop(node, None)
        self._votes = {key: vote for key, vote in self._votes.items() if key[0] != node}

    def _break(self, rule: str, text: str) -> None:
        self.broken.append(Broken(rule, text))

    # -- kinds -------------------------------------------------------------------------------------
    def _leader(self, node: int, record: Record) -> None:
        self._leads(node, record["term"])
        self._term(node, record["term"])

    def _vote(self, node: int, record: Record) -> None:
        self._term(node, record["term"])
        self._voted(node, record["term"], record["data"].get("candidate"))

    def _truncate(self, node: int, record: Record) -> None:
        life = self._life(node, record)
        first, commit_index = record["data"]["first"], life.get("commit_index", 0)
        if first <= commit_index:
            text = f"n{node} dropped entries from {first} on, and {commit_index} were committed"
            self._break("committed_is_immutable", text)

    def _reverted(self, node: int, record: Record) -> None:
        data = record["data"]
        text = (
            f"{data['peer']} had acknowledged entries up to {data['acknowledged']}, "
            f"and told n{node} that it lacks {data['holds']}"
        )
        self._break("persist_before_reply", text)

    def _gap(self, node: int, record: Record) -> None:
        self.missing += record["last"] - record["first"] + 1

    def _state(self, node: int, record: Record) -> None:
        life = self._life(node, record)
        for name in ("commit_index", "last_applied"):
            if name in record and record[name] < life.get(name, 0):
                text = f"n{node}'s {name} fell from {life[name]} to {record[name]}"
                self._break("index_order", text)
        before = dict(life)
        life.update((name, value) for name, value in record.items() if name in _FOLLOWED)
        applied, commit_index = life.get("last_applied", 0), life.get("commit_index", 0)
        if applied > commit_index:
            text = f"n{node} applied entry {applied}, and {commit_index} were committed"
            self._break("only_committed_entries_are_applied", text)
        last_index = life.get("last_index")
        if last_index is not None and commit_index > last_index:
            text = f"n{node} has entries up to {last_index}, and {commit_index} are committed"
            self._break("index_order", text)
        term = life.get("term", 0)
        self._term(node, term)
        if life.get("role") == "leader":
            self._leads(node, term)
            if last_index is not None:
                self._leads_with(node, before, term, last_index)
        if commit_index > self._committed_in.get(term, 0):
            self._commits(term, commit_index)
        if life.get("voted_for") is not None:
            self._voted(node, term, f"n{life['voted_for']}")
        elif "voted_for" in life and (node, term) in self._votes:
            text = f"n{node} voted for {self._votes[node, term]} in term {term}, and forgot it"
            self._break("durable_terms_and_votes", text)

    # -- rules -------------------------------------------------------------------------------------
    def _life(self, node: int, record: Record) -> dict[str, Any]:
        life = self._lives.get(node)
        if life is None or life["boot"] != record["boot"]:
            life = self._lives[node] = {"boot": record["boot"]}
        return life

    def _leads(self, node: int, term: int) -> None:
        other = self._leaders.setdefault(term, node)
        if other != node:
            self._break("one_leader_per_term", f"n{other} and n{node} both led term {term}")

    def _leads_with(self, node: int, before: Record, term: int, last_index: int) -> None:
        """Nobody leads a term twice, so between two states as its leader it led all the time."""
        was_leader = before.get("role") == "leader" and before.get("term") == term
        if was_leader and last_index < before.get("last_index", 0):
            text = f"n{node} led term {term} with entries up to {before['last_index']}"
            self._break("leader_append_only", f"{text}, and then up to {last_index}")
        if last_index < self._led_with.get(term, last_index + 1):
            self._led_with[term] = last_index
            earlier = (index for each, index in self._committed_in.items() if each < term)
            self._is_complete(term, last_index, max(earlier, default=0))

    def _commits(self, term: int, index: int) -> None:
        self._committed_in[term] = index
        for later, last_index in self._led_with.items():
            if later > term:
                self._is_complete(later, last_index, index)

    def _is_complete(self, term: int, last_index: int, committed: int) -> None:
        """Whoever leads a term has all that was committed in earlier ones (paper 5.4)."""
        if last_index < committed:
            leader = f"n{self._leaders[term]} led term {term}"
            text = f"{leader} with entries up to {last_index}, and {committed} were committed"
            self._break("leader_completeness", text)

    def _term(self, node: int, term: int) -> None:
        before = self._terms.get(node, 0)
        if term < before:
            text = f"n{node} was in term {before}, and then in term {term}"
            self._break("durable_terms_and_votes", text)
        self._terms[node] = max(term, before)

    def _voted(self, node: int, term: int, candidate: str | None) -> None:
        other = self._votes.setdefault((node, term), candidate)
        if other != candidate:
            text = f"n{node} voted for {other} and for {candidate} in term {term}"
            self._break("durable_terms_and_votes", text)

    _takers: Mapping[str, Callable[["Told", int, Record], None]] = {
        "leader": _leader,
        "vote": _vote,
        "truncate": _truncate,
        "reverted": _reverted,
        "state": _state,
        "gap": _gap,
    }


_FOLLOWED = frozenset(
    {"role", "term", "voted_for", "commit_index", "last_applied", "last_index"}
)  # fmt: skip
RULES = (
    "one_leader_per_term", "durable_terms_and_votes", "committed_is_immutable",
    "persist_before_reply", "index_order", "only_committed_entries_are_applied",
    "leader_append_only", "leader_completeness",
)  # fmt: skip
"""Those that can be seen from outside; the simulator looks at all of them."""
