"""Who calls Raft: a member, with one lock around its Raft.

Three kinds of threads come here: the one that ticks, those that bring messages from the peers, and
those that serve clients. A client's thread appends, lets go of the lock, and waits until it is told
that something has changed. It waits for its own entry, by index and term, and not without end.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Condition

from examples.kv_store.callbacks import MemberCallbacks
from examples.kv_store.codec import entry_size
from examples.kv_store.journal import Journal
from examples.kv_store.store import Store
from node.raft import Config, EntryId, EntryState, Message, Raft, RaftError

ELECTION_TIMEOUT_MS = 500
HEARTBEAT_TIMEOUT_MS = 100


class MemberStoppedError(Exception):
    """A callback failed, a full disk for example. What was asked may or may not come about."""


class WriteFailedError(Exception):
    """The write will never be applied."""


class OutcomeUnknownError(Exception):
    """The write may have been applied, or be applied later, or never."""


class ReadFailedError(Exception):
    """No majority confirmed in time that what this member holds is the latest."""


@dataclass(frozen=True)
class View:
    """What a member knows of its cluster."""

    leader: int | None
    term: int


class Member:
    """One of `members`. `answer_seconds` is how long a client waits at the most."""

    def __init__(
        self,
        member_id: int,
        members: int,
        journal: Journal,
        send: Callable[[int, Message], None],
        answer_seconds: float,
    ) -> None:
        self.id = member_id
        self._answer_seconds = answer_seconds
        self._store = Store()
        config = Config(
            id=member_id,
            server_no=members,
            election_timeout=ELECTION_TIMEOUT_MS,
            heartbeat_timeout=HEARTBEAT_TIMEOUT_MS,
            entry_size=entry_size,
        )
        callbacks = MemberCallbacks(journal, self._store, send)
        self._raft = Raft(config, journal.initial_state(), callbacks)
        self._changed = Condition()  # its lock is the one around Raft and the store
        self._error: BaseException | None = None
        self._seen = (self._view(), 0)

    # -- what drives it ----------------------------------------------------------------------------
    def tick_forever(self) -> None:
        """For a thread of its own. Ends when the member has stopped."""
        while True:
            try:
                with self._calling() as raft:
                    wait_ms = raft.tick()
            except MemberStoppedError:
                return
            time.sleep(wait_ms / 1000)

    def deliver(self, message: Message) -> None:
        """A message from a peer. Raises RemoteProtocolError for one that no correct peer sends."""
        with suppress(MemberStoppedError), self._calling() as raft:
            raft.handle_rpc(message)

    # -- what clients want -------------------------------------------------------------------------
    def write(self, command: bytes) -> EntryId:
        """Replicate `command`. Returns when it is on a majority's disks, and applied here.

        Raises NotLeaderError, ProposalDroppedError and WriteFailedError when that will not happen;
        OutcomeUnknownError and MemberStoppedError when nobody can tell yet.
        """
        with self._changed:
            with self._calling() as raft:
                written = raft.append(command)
            self._wait_for(lambda: self._state(written) is not EntryState.PENDING)
            state = self._state(written)
        if state is EntryState.SUPERSEDED:
            raise WriteFailedError("another leader's entry took its place")
        if state is not EntryState.APPLIED:
            raise OutcomeUnknownError(f"no majority answered within {self._answer_seconds:g} s")
        return written

    def read(self, key: str) -> bytes | None:
        """The value with every write in it that was acknowledged before, on whatever member.

        Raises NotLeaderError, ProposalDroppedError, ReadFailedError, MemberStoppedError.
        """
        answers: list[bool] = []

        def on_ready(is_confirmed: bool) -> None:
            answers.append(is_confirmed)
            self._changed.notify_all()

        with self._changed:
            with self._calling() as raft:
                raft.read(on_ready)
            self._wait_for(lambda: bool(answers))
            if answers != [True]:
                raise ReadFailedError("no majority confirmed the read")
            return self._store.get(key)

    def status(self) -> dict[str, object]:
        with self._calling() as raft:
            return {
                "member": self.id,
                "leader": raft.current_leader,
                "term": raft.current_term,
                "commit_index": raft.commit_index,
                "last_applied": raft.last_applied,
                "keys": len(self._store),
            }

    def next_view(self, last: View) -> View:
        """Wait until the view is another than `last`. Raises MemberStoppedError."""
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or self._view() != last)
            self._check_running()
            return self._view()

    # -- inside ------------------------------------------------------------------------------------
    @contextmanager
    def _calling(self) -> Iterator[Raft]:
        """Every call of Raft is made in here: one at a time, and whoever waits is told of it."""
        with self._changed:
            self._check_running()
            try:
                yield self._raft
            except RaftError:
                raise  # a refusal, of a client or a peer
            except BaseException as error:  # out of a callback: Raft has stopped for good
                self._error = error
                raise MemberStoppedError(repr(error)) from error
            finally:
                self._tell_of_changes()

    def _tell_of_changes(self) -> None:
        """Not from `apply_entry`: a new leader's no-op, which takes the place of an entry that
        somebody waits for, does not come by there.
        """
        seen = (self._view(), self._raft.last_applied)
        if seen != self._seen or self._error is not None:
            self._seen = seen
            self._changed.notify_all()

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        """Let others call Raft meanwhile. Raises MemberStoppedError."""
        self._changed.wait_for(lambda: self._error is not None or condition(), self._answer_seconds)
        self._check_running()

    def _check_running(self) -> None:
        if self._error is not None:
            raise MemberStoppedError(repr(self._error))

    def _state(self, written: EntryId) -> EntryState:
        return self._raft.entry_state(written.index, written.term)

    def _view(self) -> View:
        return View(self._raft.current_leader, self._raft.current_term)
