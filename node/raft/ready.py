"""What the core wants done: one value, and the order in which to do it.

The host of a core, for each Ready:

1. sends `messages`,
2. applies `committed` and answers `reads` (both are settled facts: they need no disk write),
3. writes `hard_state`, `truncate_from` and `entries` in one transaction, if `must_sync`,
4. calls `core.synced(ready.seq)`,
5. sends `messages_after_sync`.

Steps 1 to 3 may run at the same time (thesis 10.2.1). A message that promises something (a vote, an
acknowledgement) promises it from stable storage, so it waits for step 4. A host that dies between
two steps has promised nothing that it did not write.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from node.raft.events import Event
from node.raft.messages import LogEntry, Message


class HardState(NamedTuple):
    """The term and the vote: one record, since a vote means nothing without its term."""

    current_term: int
    voted_for: int | None


class ReadState(NamedTuple):
    """The end of a read. Serve it once `last_applied >= read_index`; None: it was not confirmed."""

    context: object
    read_index: int | None


class Envelope(NamedTuple):
    """A message and the node it goes to."""

    to: int
    message: Message


class Prompt(NamedTuple):
    """What need not wait for the Ready under way: messages that promise nothing, ended reads, and
    what there is to tell.
    """

    messages: list[Envelope]
    reads: list[ReadState]
    events: list[Event]


@dataclass(slots=True)
class Ready:
    """One batch of effects.

    `entries` start at `first_index`; what the log on disk holds at or above `truncate_from` goes
    first. `committed` starts at `committed_first_index`, no-ops included, in log order, each entry
    handed out once.
    """

    seq: int
    hard_state: HardState | None = None
    truncate_from: int | None = None
    first_index: int = 0
    entries: list[LogEntry] = field(default_factory=list)
    messages: list[Envelope] = field(default_factory=list)
    messages_after_sync: list[Envelope] = field(default_factory=list)
    committed_first_index: int = 0
    committed: list[LogEntry] = field(default_factory=list)
    reads: list[ReadState] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def must_sync(self) -> bool:
        """Whether anything has to reach the disk before `synced`."""
        return bool(self.entries) or self.hard_state is not None or self.truncate_from is not None
