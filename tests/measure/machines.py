"""A machine that shows what was applied twice: it keeps every command, in order."""

import cbor2


class AppendLog:
    """Commands are opaque ids, and the result of each is how many came before it. The only query
    answers all of them, as a CBOR array.
    """

    def __init__(self) -> None:
        self._applied: list[bytes] = []

    def apply(self, command: bytes, index: int) -> bytes:
        self._applied.append(command)
        return str(len(self._applied) - 1).encode()

    def query(self, query: bytes) -> bytes:
        return cbor2.dumps(self._applied)
