"""What Raft calls: each of its callbacks, and the part of the program that it belongs to."""

from collections.abc import Callable

from examples.kv_store.journal import Journal
from examples.kv_store.store import Store
from node.raft import LogEntry, Message


class MemberCallbacks:
    """See `node.raft.Callbacks`. An error out of any of these, but `make_rpc`, stops the member."""

    def __init__(
        self, journal: Journal, store: Store, send: Callable[[int, Message], None]
    ) -> None:
        self._journal = journal
        self._store = store
        self._send = send

    def make_rpc(self, peer_id: int, rpc: Message) -> None:
        self._send(peer_id, rpc)

    def apply_entry(self, entry: bytes) -> None:
        self._store.apply(entry)

    def log_append(self, log_entry: LogEntry) -> None:
        self._journal.append(log_entry)

    def log_pop(self) -> LogEntry:
        return self._journal.pop()

    def persist_current_term(self, term: int) -> None:
        self._journal.save_term(term)

    def persist_voted_for(self, voted_for: int | None) -> None:
        self._journal.save_vote(voted_for)

    def sync(self) -> None:
        """Called once after any of the four above, and before anybody hears of it."""
        self._journal.sync()
