"""What a member must not forget: term, vote and log, in one file that only ever grows.

    a record:  mark (8)  length (4)  checksum (16)  body

Each `sync` writes one record and flushes it before the next may begin, so a batch is on the disk
whole or not at all: nothing is ever overwritten, and to drop entries is a record too. Therefore
only the last record can be torn, by a crash or a power cut. It was not flushed, so nothing was
promised on its strength, and it is dropped at the next start. A bad record with a good one behind
it was flushed once: that is damage, and a member that has forgotten a promise must not take part.

The mark is drawn at random for each file, so that no client can write a value that looks like a
record. The checksum covers the record's place in the file as well.
"""

import fcntl
import hashlib
import json
import os
import secrets
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from examples.kv_store.codec import pack, unpack
from node.raft import InitialState, LogEntry

_HEAD = struct.Struct(">8sI16s")
_MAGIC = b"kvstore1"
"""The mark of the first record, which says whose journal it is, and the mark of the others."""


class JournalError(Exception):
    """The journal cannot be used: its text says why."""


class Journal:
    """The journal of one member, locked while it is open.

    Raises JournalError for one that is damaged, in use, or of another member.
    """

    def __init__(self, folder: Path, member_id: int, members: int) -> None:
        self.path = folder / "journal"
        self.term = 0
        self.voted_for: int | None = None
        self.log: list[LogEntry] = []
        self.dropped_bytes = 0
        """Of a record that a crash cut off, at the end of the file."""
        self._pops = 0
        self._new: list[LogEntry] = []
        _make_folder(folder)
        with ExitStack() as opening:  # closes what is open when one of the steps fails
            folder_fd = opening.enter_context(_opened(folder, os.O_RDONLY | os.O_DIRECTORY))
            try:
                fcntl.flock(folder_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise JournalError(f"another process uses {folder}") from None
            if not self.path.exists():
                self._create(folder_fd, member_id, members)
            self._fd = opening.enter_context(_opened(self.path, os.O_RDWR))
            data = self.path.read_bytes()
            self._mark, first = self._read_head(data, member_id, members)
            self._end = self._replay(data, first)
            os.ftruncate(self._fd, self._end)
            # The process before this one may have died after a write and before its flush.
            os.fsync(self._fd)
            self._opened_files = opening.pop_all()

    def initial_state(self) -> InitialState:
        """Raises ValueError when the parts do not belong together."""
        return InitialState(self.term, self.voted_for, list(self.log))

    # -- Raft's callbacks end here; nothing of it counts before `sync` -----------------------------
    def save_term(self, term: int) -> None:
        self.term = term

    def save_vote(self, voted_for: int | None) -> None:
        self.voted_for = voted_for

    def append(self, entry: LogEntry) -> None:
        self.log.append(entry)
        self._new.append(entry)

    def pop(self) -> LogEntry:
        if self._new:
            self._new.pop()
        else:
            self._pops += 1
        return self.log.pop()

    def sync(self) -> None:
        """Raises OSError. Then the member has to end: what a failed flush has written is unknown,
        and a second one may report success without having written anything.
        """
        changes = {"term": self.term, "vote": self.voted_for, "pops": self._pops}
        body = pack(changes, self._new)
        record = memoryview(_record(self._mark, self._end, body))
        written = 0
        while written < len(record):
            written += os.pwrite(self._fd, record[written:], self._end + written)
        os.fsync(self._fd)
        self._end += written
        self._pops = 0
        self._new.clear()

    def close(self) -> None:
        self._opened_files.close()

    # -- at the start ------------------------------------------------------------------------------
    def _create(self, folder_fd: int, member_id: int, members: int) -> None:
        """Under another name first: a journal that exists is complete."""
        head = {"member": member_id, "members": members, "mark": secrets.token_hex(8)}
        aside = self.path.with_suffix(".new")
        with _opened(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as fd:
            os.write(fd, _record(_MAGIC, 0, json.dumps(head).encode()))
            os.fsync(fd)
        aside.rename(self.path)
        os.fsync(folder_fd)

    def _read_head(self, data: bytes, member_id: int, members: int) -> tuple[bytes, int]:
        """The mark of the records, and where they begin."""
        body = _body_at(data, 0, _MAGIC)
        if body is None:
            raise JournalError(f"{self.path} is damaged at byte 0, or no journal")
        head = json.loads(body)
        if (head["member"], head["members"]) != (member_id, members):
            raise JournalError(
                f"{self.path} is that of member {head['member']} of {head['members']}, "
                f"not of member {member_id} of {members}"
            )
        return bytes.fromhex(head["mark"]), _HEAD.size + len(body)

    def _replay(self, data: bytes, offset: int) -> int:
        """Take in all records from `offset` on. Gives the end of the last good one."""
        while offset < len(data):
            body = _body_at(data, offset, self._mark)
            if body is None:
                if _has_record_after(data, offset, self._mark):
                    raise JournalError(
                        f"{self.path} is damaged at byte {offset}: what was saved behind it is "
                        "intact. This member may have promised what it cannot read any more"
                    )
                self.dropped_bytes = len(data) - offset
                return offset
            document, entries = unpack(body)
            self.term, self.voted_for = document["term"], document["vote"]
            del self.log[len(self.log) - document["pops"] :]
            self.log += entries
            offset += _HEAD.size + len(body)
        return offset


def _record(mark: bytes, offset: int, body: bytes) -> bytes:
    return _HEAD.pack(mark, len(body), _checksum(offset, body)) + body


def _checksum(offset: int, body: bytes) -> bytes:
    return hashlib.blake2b(struct.pack(">Q", offset) + body, digest_size=16).digest()


def _body_at(data: bytes, offset: int, mark: bytes) -> bytes | None:
    """The body of the record at `offset`; None where there is no whole, undamaged one."""
    start = offset + _HEAD.size
    if start > len(data):
        return None
    found_mark, length, checksum = _HEAD.unpack_from(data, offset)
    body = data[start : start + length]
    is_good = found_mark == mark and len(body) == length and checksum == _checksum(offset, body)
    return body if is_good else None


def _has_record_after(data: bytes, offset: int, mark: bytes) -> bool:
    found = data.find(mark, offset + 1)
    while found >= 0:
        if _body_at(data, found, mark) is not None:
            return True
        found = data.find(mark, found + 1)
    return False


def _make_folder(folder: Path) -> None:
    """A folder is there for good once the one that holds it is flushed."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    with _opened(folder.parent, os.O_RDONLY | os.O_DIRECTORY) as parent_fd:
        os.fsync(parent_fd)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    """A file descriptor; a file that is made is for its owner alone."""
    fd = os.open(path, flags, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)
