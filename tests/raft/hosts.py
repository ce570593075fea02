"""Hosts of the library over callbacks: members that write down what they were asked, in order."""

import random
from typing import Any

from node.raft import Config, InitialState, LogEntry, Message, Raft


class Host:
    """Callbacks that write down what they were asked, in order."""

    def __init__(self, world: "World", member_id: int) -> None:
        self.world = world
        self.id = member_id
        self.calls: list[tuple[str, Any]] = []
        self.log: list[LogEntry] = []
        self.term = 0
        self.voted_for: int | None = None
        self.applied: list[Any] = []
        self.fails_in: str | None = None
        self.raft = self.boot()

    def boot(self, last_applied: int = 0) -> Raft:
        state = InitialState(self.term, self.voted_for, list(self.log), last_applied)
        config = Config(
            id=self.id,
            server_no=self.world.size,
            clock=lambda: self.world.now,
            rng=random.Random(self.id),
            **self.world.settings,
        )
        return Raft(config, state, self)

    def _note(self, name: str, value: Any) -> None:
        self.calls.append((name, value))
        if self.fails_in == name:
            raise OSError(f"{name} fails")

    def make_rpc(self, peer_id: int, rpc: Message) -> None:
        self._note("make_rpc", rpc)
        self.world.wires.append((peer_id, rpc))

    def apply_entry(self, entry: Any) -> None:
        self._note("apply_entry", entry)
        self.applied.append(entry)

    def log_append(self, log_entry: LogEntry) -> None:
        self._note("log_append", log_entry)
        self.log.append(log_entry)

    def log_pop(self) -> LogEntry:
        self._note("log_pop", None)
        return self.log.pop()

    def persist_current_term(self, term: int) -> None:
        self._note("persist_current_term", term)
        self.term = term

    def persist_voted_for(self, voted_for: int | None) -> None:
        self._note("persist_voted_for", voted_for)
        self.voted_for = voted_for

    def sync(self) -> None:
        self._note("sync", None)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


class World:
    """Members 0 to size - 1, a clock in milliseconds, and what is on the wires."""

    def __init__(self, size: int = 3, **settings: Any) -> None:
        self.size = size
        self.settings = settings
        self.now = 0.0
        self.wires: list[tuple[int, Message]] = []
        self.hosts = [Host(self, number) for number in range(size)]

    def deliver(self) -> None:
        while self.wires:
            peer_id, rpc = self.wires.pop(0)
            self.hosts[peer_id].raft.handle_rpc(rpc)

    def run(self, milliseconds: float) -> None:
        end = self.now + milliseconds
        while self.now < end:
            self.now += 50
            for host in self.hosts:
                host.raft.tick()
            self.deliver()

    def elect(self) -> Host:
        while not any(host.raft.is_leader for host in self.hosts):
            self.run(50)
        self.run(600)
        return self.leader

    @property
    def leader(self) -> Host:
        return next(host for host in self.hosts if host.raft.is_leader)
