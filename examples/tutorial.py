"""A replicated dictionary in one file: three members, a database each, one process."""

import sqlite3
import tempfile
import time
from collections import deque
from pathlib import Path

from node.raft import Config, InitialState, LogEntry, Message, Raft

Network = deque[tuple[int, Message]]


class Member:
    """The callbacks. Raft decides; this is where things are kept, sent and applied."""

    def __init__(self, member_id: int, path: Path, network: Network) -> None:
        self.network = network
        self.state: dict[str, str] = {}
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.executescript("""
            PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
            CREATE TABLE IF NOT EXISTS log (idx INTEGER PRIMARY KEY, term, key, value);
            CREATE TABLE IF NOT EXISTS saved (name TEXT PRIMARY KEY, value);
        """)
        self.raft = Raft(Config(id=member_id, server_no=3), self.read_back(), self)

    def read_back(self) -> InitialState:
        """What an earlier life of this member has saved."""
        saved = dict(self.db.execute("SELECT name, value FROM saved"))
        rows = self.db.execute("SELECT term, key, value FROM log ORDER BY idx")
        log = [LogEntry(term, None if key is None else (key, value)) for term, key, value in rows]
        return InitialState(saved.get("term", 0), saved.get("vote"), log)

    # Messages: any way that does not wait for an answer. A lost message is repeated in time.
    def make_rpc(self, peer_id: int, rpc: Message) -> None:
        self.network.append((peer_id, rpc))

    # The state machine: the same entries in the same order, on every member.
    def apply_entry(self, entry: tuple[str, str]) -> None:
        key, value = entry
        self.state[key] = value

    # Stable storage. With sync(), one call of Raft is one transaction and one flush.
    def log_append(self, log_entry: LogEntry) -> None:
        key, value = log_entry.entry or (None, None)  # None: the no-op of an election
        row = (log_entry.term, key, value)
        self.write("INSERT INTO log (term, key, value) VALUES (?, ?, ?)", *row)

    def log_pop(self) -> LogEntry:
        last = "SELECT idx, term, key, value FROM log ORDER BY idx DESC LIMIT 1"
        index, term, key, value = self.db.execute(last).fetchone()
        self.write("DELETE FROM log WHERE idx = ?", index)
        return LogEntry(term, None if key is None else (key, value))

    def persist_current_term(self, term: int) -> None:
        self.write("INSERT OR REPLACE INTO saved VALUES ('term', ?)", term)

    def persist_voted_for(self, voted_for: int | None) -> None:
        self.write("INSERT OR REPLACE INTO saved VALUES ('vote', ?)", voted_for)

    def sync(self) -> None:
        if self.db.in_transaction:
            self.db.execute("COMMIT")

    def write(self, statement: str, *values: object) -> None:
        if not self.db.in_transaction:
            self.db.execute("BEGIN")
        self.db.execute(statement, values)


def run_until_applied(members: list[Member], network: Network, key: str) -> None:
    """The event loop: deliver what was sent, and tick when it is time."""
    due = [0.0] * len(members)
    while not all(key in member.state for member in members):
        while network:
            peer_id, rpc = network.popleft()
            members[peer_id].raft.handle_rpc(rpc)
        for number, member in enumerate(members):
            if time.monotonic() >= due[number]:
                due[number] = time.monotonic() + member.raft.tick() / 1000
            if member.raft.is_leader and member.raft.last_applied == 1:  # its no-op
                member.raft.append((key, f"written through member {number}"))
        if not network:
            time.sleep(0.001)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        wires: Network = deque()
        cluster = [Member(number, Path(folder, f"{number}.db"), wires) for number in range(3)]
        run_until_applied(cluster, wires, "greeting")
        print([member.state for member in cluster])
