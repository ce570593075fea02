"""Golden transcripts: commands to a cluster of cores, and under each what followed.

A command is a line that begins with `>`; what follows it is output, compared word for word:

    > cluster 3 pre_vote=no        a new cluster, with settings
    > time-out 1                   node 1's election timer runs out
    > deliver [1>2 ...]            messages arrive, all or on the named links, until it is quiet
    > drop 1>2 ...                 messages under way on these links are lost
    > lose 1>2 3                   the third message under way on this link is lost
    > delay 1>2 ...                messages under way on these links are kept back
    > arrive [1>2 ...]             what was kept back arrives, however late
    > tick 50ms                    time passes
    > propose 1 a b                node 1 is asked to append
    > read 2 r                     node 2 is asked for a linearizable read
    > transfer 1 2                 node 1 is asked to hand over to node 2
    > hold 1 / > release 1         node 1's disk is slow / takes what waits
    > release 1 once               the write under way ends, and the next one waits
    > cut 1 / > heal               node 1 is alone / everything is connected
    > crash 1 / > restart 1
    > join 4                       node 4 starts with an empty disk
    > change 1 +4 +!5 ^4 v2 -3     node 1 is asked to add learner 4, and 5, which is promoted when
                                   it has caught up, to promote 4, demote 2 and remove 3, at once
    > snapshot 1 keep=2            node 1 takes a snapshot and keeps two entries of what is in it
    > install 3 slow / > install 3 node 3 waits with what arrived / installs it
    > state                        every node, one line each
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from node.raft.configuration import AddLearner, Change, Configuration, Demote, Promote, Remove
from node.raft.errors import RaftError
from node.raft.messages import AppendEntries, InstallSnapshot, LogEntry, Message
from node.raft.ready import Envelope
from node.raft.roles import Leader
from tests.raft.cluster import Cluster, Node

Words = list[str]

CHANGES: dict[str, Callable[[int], Change]] = {
    "+": AddLearner,
    "+!": partial(AddLearner, promote=True),
    "^": Promote,
    "v": Demote,
    "-": Remove,
}


class Transcript:
    def __init__(self) -> None:
        self.cluster = Cluster(1)
        self.late: list[tuple[int, Envelope]] = []
        self.commands: dict[str, Callable[[Words], list[str]]] = {
            "cluster": self._cluster,
            "time-out": self._time_out,
            "deliver": self._deliver,
            "drop": self._drop,
            "lose": self._lose,
            "delay": self._delay,
            "arrive": self._arrive,
            "tick": self._tick,
            "propose": self._propose,
            "read": self._read,
            "transfer": self._transfer,
            "hold": self._hold,
            "release": self._release,
            "cut": self._cut,
            "heal": self._heal,
            "crash": self._crash,
            "restart": self._restart,
            "join": self._join,
            "change": self._change,
            "snapshot": self._snapshot,
            "install": self._install,
            "state": self._state,
        }

    def run(self, text: str) -> str:
        """The transcript with the output that follows now."""
        lines: list[str] = []
        for line in text.splitlines():
            if line.startswith("#") or not line.strip():
                lines.append(line)
            elif line.startswith("> "):
                word, *words = line[2:].split()
                lines += [line, *(f"  {each}" for each in self.commands[word](words))]
        return "\n".join(lines) + "\n"

    def _node(self, word: str) -> Node:
        return self.cluster[int(word)]

    def _cluster(self, words: Words) -> list[str]:
        settings: dict[str, Any] = {}
        for word in words[1:]:
            name, _, value = word.partition("=")
            settings[name] = {"yes": True, "no": False}.get(value, value)
            if isinstance(settings[name], str):
                settings[name] = int(value)
        snapshot_bytes = settings.pop("snapshot_bytes", 1000)
        self.cluster = Cluster(int(words[0]), **settings)
        self.cluster.snapshot_bytes = snapshot_bytes
        return []

    def _sends(self) -> list[str]:
        """What the nodes do now, without anything arriving."""
        before = len(self.cluster.sent)
        self.cluster.work()
        return [
            f"{src}>{to} {describe(message)}" for src, (to, message) in self.cluster.sent[before:]
        ]

    def _time_out(self, words: Words) -> list[str]:
        node = self._node(words[0])
        self.cluster.prefer(node.id)
        elapsed = max(node.core.next_deadline - self.cluster.now, 0)
        self.cluster.now += elapsed
        node.core.tick(self.cluster.now)
        return self._sends()

    def _deliver(self, words: Words) -> list[str]:
        shown: list[str] = []
        while True:
            arriving = self._take(words)
            if not arriving:
                return shown
            for _, (to, message) in arriving:
                if self.cluster[to].is_up:
                    self.cluster.step(to, message)
            shown += self._sends()

    def _take(self, links: Words) -> list[Any]:
        flying = self.cluster.in_flight
        wanted = [item for item in flying if not links or f"{item[0]}>{item[1].to}" in links]
        self.cluster.in_flight = [item for item in flying if item not in wanted]
        return wanted

    def _drop(self, words: Words) -> list[str]:
        return [f"lost {src}>{to} {describe(m)}" for src, (to, m) in self._take(words)]

    def _lose(self, words: Words) -> list[str]:
        on_link = [f for f in self.cluster.in_flight if f"{f[0]}>{f[1].to}" == words[0]]
        lost = on_link[int(words[1]) - 1]
        self.cluster.in_flight.remove(lost)
        return [f"lost {words[0]} {describe(lost[1].message)}"]

    def _delay(self, words: Words) -> list[str]:
        kept = self._take(words)
        self.late += kept
        return [f"late {src}>{to} {describe(m)}" for src, (to, m) in kept]

    def _arrive(self, words: Words) -> list[str]:
        arriving = [item for item in self.late if not words or f"{item[0]}>{item[1].to}" in words]
        self.late = [item for item in self.late if item not in arriving]
        for _, (to, message) in arriving:
            self.cluster.step(to, message)
        return self._sends()

    def _tick(self, words: Words) -> list[str]:
        self.cluster.tick(int(words[0].removesuffix("ms")) * 1000)
        return self._sends()

    def _propose(self, words: Words) -> list[str]:
        try:
            index = self._node(words[0]).core.propose(words[1:])
        except RaftError as error:
            return [f"{type(error).__name__}: {error}"]
        return [f"at {index}", *self._sends()]

    def _read(self, words: Words) -> list[str]:
        try:
            self._node(words[0]).core.read_index(words[1], self.cluster.now)
        except RaftError as error:
            return [f"{type(error).__name__}: {error}"]
        return self._sends()

    def _transfer(self, words: Words) -> list[str]:
        self._node(words[0]).core.transfer_leadership(int(words[1]), self.cluster.now)
        return self._sends()

    def _hold(self, words: Words) -> list[str]:
        self._node(words[0]).holds_disk = True
        return []

    def _release(self, words: Words) -> list[str]:
        before = len(self.cluster.sent)
        node = self._node(words[0])
        node.release_disk()
        node.holds_disk = "once" in words
        promised = self.cluster.sent[before:]
        return [f"{src}>{to} {describe(m)}" for src, (to, m) in promised] + self._sends()

    def _cut(self, words: Words) -> list[str]:
        self.cluster.cut(*map(int, words))
        return []

    def _heal(self, words: Words) -> list[str]:
        self.cluster.heal()
        return []

    def _crash(self, words: Words) -> list[str]:
        self._node(words[0]).crash()
        return []

    def _restart(self, words: Words) -> list[str]:
        node = self._node(words[0])
        node.holds_disk = False
        node.restart()
        return []

    def _join(self, words: Words) -> list[str]:
        self.cluster.add(int(words[0]))
        return []

    def _change(self, words: Words) -> list[str]:
        changes = [
            CHANGES[word.rstrip("0123456789")](int(word.lstrip("+!^v-"))) for word in words[1:]
        ]
        try:
            index = self._node(words[0]).core.change_membership(changes, self.cluster.now)
        except RaftError as error:
            return [f"{type(error).__name__}: {error}"]
        return [f"at {index}", *self._sends()]

    def _snapshot(self, words: Words) -> list[str]:
        keep = int(words[1].removeprefix("keep=")) if len(words) > 1 else 0
        taken = self._node(words[0]).take_snapshot(keep)
        return [f"at {taken.index}, {_members(taken.configuration)}", *self._sends()]

    def _install(self, words: Words) -> list[str]:
        self._node(words[0]).holds_install = "slow" in words
        return self._sends()

    def _state(self, words: Words) -> list[str]:
        return [_state_of(node) for node in self.cluster.nodes.values()]


def _state_of(node: Node) -> str:
    core = node.core
    if not node.is_up:
        return f"{node.id} down      disk {node.disk.hard_state.current_term}: {len(node.disk.log)}"
    log = " ".join(_entry(entry) for entry in core.entries(1, core.last_index)) or "-"
    if core.first_index > 1:
        log = f"..{core.log.base.index}/{core.log.base.term} {log}"
    text = (
        f"{node.id} {core.role_name:12} term {core.term}  vote {core.voted_for or '-'}  "
        f"leader {core.leader_id or '-'}  commit {core.commit_index}  "
        f"durable {core.log.stable_index}  log {log}"
    )
    if core.configuration_index:
        text += f"  members {_members(core.configuration)}"
    if isinstance(core.role, Leader):
        peers = [f"{p}:{x.state} match {x.match_index}" for p, x in core.progress.items()]
        text += f"  ({', '.join(peers)})"
    if node.reads:
        text += f"  reads {' '.join(f'{r.context}@{r.read_index}' for r in node.reads)}"
    return text


def _members(configuration: Configuration) -> str:
    """{1 2} are voters, behind < those being left; learners follow, with ! to be promoted."""
    text = "{" + " ".join(map(str, sorted(configuration.voters))) + "}"
    if configuration.is_joint:
        text += "<{" + " ".join(map(str, sorted(configuration.outgoing))) + "}"
    for learner in sorted(configuration.learners):
        text += f"+{learner}" + "!" * (learner in configuration.promotable)
    return text


def _entry(entry: LogEntry) -> str:
    what = entry.entry
    if type(what) is Configuration:
        return f"{entry.term}/{_members(what)}"
    return f"{entry.term}{'' if what is None else f'/{what}'}"


def describe(message: Message) -> str:
    """A message on one line, without what the link already says."""
    name = type(message).__name__
    if isinstance(message, AppendEntries):
        entries = " ".join(map(_entry, message.entries)) or "-"
        return (
            f"{name} term {message.term} after {message.prev_log_index}/{message.prev_log_term} "
            f"entries {entries} commit {message.leader_commit} #{message.sequence}"
        )
    if isinstance(message, InstallSnapshot):
        end = message.offset + len(message.data)
        part = f"bytes {message.offset}..{end}" if message.data else f"question at {end}"
        which = f"{message.snapshot_index}/{message.snapshot_term}"
        return f"{name} term {message.term} of {which} {part} of {message.size} #{message.sequence}"
    hidden = {"candidate_id", "responder_id", "leader_id", "requester_id", "read_id"}
    fields = type(message)._fields
    shown = [f"{f} {getattr(message, f)}" for f in fields if f not in hidden]
    return f"{name} {' '.join(shown)}"
