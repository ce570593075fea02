"""The state machine: a dictionary, and the commands that change it.

A command is what Raft replicates, as bytes: a line of JSON that says what to do, then the value.
Everything else of this program, the journal and the peers, treats it as bytes and no more.
"""

import json

KEY_BYTES_MAX = 1024
VALUE_BYTES_MAX = 1024 * 1024
COMMAND_BYTES_MAX = VALUE_BYTES_MAX + 8 * 1024
"""JSON makes up to six bytes of one in a key, so this holds whatever the two limits above allow."""


def put(key: str, value: bytes) -> bytes:
    """The command that sets `key`. Raises ValueError for what is above the limits."""
    if len(value) > VALUE_BYTES_MAX:
        raise ValueError(f"the value is longer than {VALUE_BYTES_MAX} bytes")
    return _line("put", key) + value


def delete(key: str) -> bytes:
    """The command that removes `key`, if it is there. Raises ValueError for too long a key."""
    return _line("delete", key)


def _line(operation: str, key: str) -> bytes:
    if not 0 < len(key.encode()) <= KEY_BYTES_MAX:
        raise ValueError(f"a key has 1 to {KEY_BYTES_MAX} bytes")
    return json.dumps({"do": operation, "key": key}, ensure_ascii=False).encode() + b"\n"


class Store:
    """What the commands so far have made. The same commands in the same order make the same."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: str) -> bytes | None:
        return self._values.get(key)

    def apply(self, command: bytes) -> None:
        """What is no command changes nothing, on every member alike. To raise would stop them all,
        now and after every restart, since the entry stays in the log.
        """
        line, _, value = command.partition(b"\n")
        match _read(line):
            case {"do": "put", "key": str(key)}:
                self._values[key] = value
            case {"do": "delete", "key": str(key)}:
                self._values.pop(key, None)
            case _:
                pass


def _read(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
