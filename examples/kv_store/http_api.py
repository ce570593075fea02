"""What clients see: HTTP on a port of each member.

    GET /keys/KEY       the latest value, from any member
    PUT /keys/KEY       set it to the body of the request
    DELETE /keys/KEY    remove it
    GET /               how the member sees its cluster

A write that comes to another member is sent on to the leader with a 307: the same method and body,
and not for browsers to remember, since the leader changes. Every answer to a write says whether it
was applied, failed for good, or is unknown; then a client has to look before it writes again.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from urllib.parse import quote, unquote_to_bytes

from examples.kv_store import store
from examples.kv_store.listening import HOST, ThreadedServer
from examples.kv_store.member import (
    Member,
    MemberStoppedError,
    OutcomeUnknownError,
    ReadFailedError,
    WriteFailedError,
)
from node.raft import NotLeaderError, ProposalDroppedError

CONNECTIONS_MAX = 256
IDLE_SECONDS_MAX = 10.0
DISCARD_BYTES_MAX = 16 * 1024 * 1024
DISCARD_SECONDS_MAX = 1.0

_KEYS = "/keys/"
_LENGTH = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class Answer:
    status: HTTPStatus
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    @classmethod
    def of(cls, status: HTTPStatus, document: object, **headers: str) -> "Answer":
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, json.dumps(document).encode() + b"\n", named)


class RefusedError(Exception):
    """The request makes no sense, whoever leads."""

    def __init__(self, status: HTTPStatus, error: str) -> None:
        super().__init__(error)
        self.answer = Answer.of(status, {"outcome": "failed", "error": error})


class ClientPort(ThreadedServer):
    """Serves `member`; `ports[n]` is where member n serves clients."""

    def __init__(self, member: Member, ports: Sequence[int]) -> None:
        """Raises OSError when the port is taken."""
        self.member = member
        self.ports = ports
        super().__init__(ports[member.id], _Connection, CONNECTIONS_MAX)


class _Connection(BaseHTTPRequestHandler):
    server: ClientPort
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS_MAX
    disable_nagle_algorithm = True  # head and body are two writes: the second must not wait

    def do_GET(self) -> None:
        self._respond(self._get)

    def do_PUT(self) -> None:
        self._respond(lambda body: self._write(store.put(self._key(), body)))

    def do_DELETE(self) -> None:
        self._respond(lambda body: self._write(store.delete(self._key())))

    def do_POST(self) -> None:
        self._respond(self._refuse_post)

    # -- the requests ------------------------------------------------------------------------------
    def _get(self, _body: bytes) -> Answer:
        if self.path == "/":
            return Answer.of(HTTPStatus.OK, self.server.member.status())
        value = self.server.member.read(self._key())
        if value is None:
            return Answer.of(HTTPStatus.NOT_FOUND, {"error": "no such key"})
        return Answer(HTTPStatus.OK, value, content_type="application/octet-stream")

    def _write(self, command: bytes) -> Answer:
        written = self.server.member.write(command)
        document = {"outcome": "applied", "index": written.index, "term": written.term}
        return Answer.of(HTTPStatus.OK, document)

    def _refuse_post(self, _body: bytes) -> Answer:
        document = {"outcome": "failed", "error": "to set a key use PUT"}
        return Answer.of(HTTPStatus.METHOD_NOT_ALLOWED, document, Allow="GET, PUT, DELETE")

    def _key(self) -> str:
        path = self.path.partition("?")[0]
        if not path.startswith(_KEYS):
            raise RefusedError(HTTPStatus.NOT_FOUND, "keys are under /keys/")
        try:
            return unquote_to_bytes(path.removeprefix(_KEYS).encode("latin-1")).decode()
        except UnicodeError:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "a key is UTF-8") from None

    # -- the answers -------------------------------------------------------------------------------
    def _respond(self, act: Callable[[bytes], Answer]) -> None:
        try:
            length = self._body_length()
        except RefusedError as refusal:
            self._send_and_hang_up(refusal.answer)
            return
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True  # the client is gone, with half of what it had to say
            return
        self._send(self._outcome(act, body))

    def _outcome(self, act: Callable[[bytes], Answer], body: bytes) -> Answer:
        try:
            return act(body)
        except RefusedError as refusal:
            return refusal.answer
        except ValueError as error:
            return RefusedError(HTTPStatus.BAD_REQUEST, str(error)).answer
        except NotLeaderError as error:
            return self._elsewhere(error.leader)
        except (ProposalDroppedError, WriteFailedError, ReadFailedError) as error:
            return _try_again(str(error))
        except OutcomeUnknownError as error:
            document = {"outcome": "unknown", "error": str(error)}
            return Answer.of(HTTPStatus.GATEWAY_TIMEOUT, document)
        except MemberStoppedError as error:
            document = {"outcome": "unknown", "error": f"this member has stopped: {error}"}
            return Answer.of(HTTPStatus.INTERNAL_SERVER_ERROR, document)

    def _elsewhere(self, leader: int | None) -> Answer:
        if leader is None or leader == self.server.member.id:
            return _try_again("no leader is known")
        location = f"http://{HOST}:{self.server.ports[leader]}{_KEYS}{quote(self._key(), safe='')}"
        document = {"outcome": "failed", "error": f"member {leader} leads"}
        return Answer.of(HTTPStatus.TEMPORARY_REDIRECT, document, Location=location)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    # -- bodies ------------------------------------------------------------------------------------
    def _body_length(self) -> int:
        if "Transfer-Encoding" in self.headers:
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "send a Content-Length")
        length = self.headers.get("Content-Length", "0")
        if not _LENGTH.fullmatch(length):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "no such Content-Length")
        if int(length) > store.VALUE_BYTES_MAX:
            error = f"a value has at most {store.VALUE_BYTES_MAX} bytes"
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error)
        return int(length)

    def handle_expect_100(self) -> bool:
        """A client that asks before it sends a body is not told to go on if it is too long."""
        try:
            self._body_length()
        except RefusedError:
            return True
        return super().handle_expect_100()

    def _send_and_hang_up(self, answer: Answer) -> None:
        """Without having read the body. To close at once would reset the connection, and the client
        might never see the answer: so take in some of what it is still sending.
        """
        self.close_connection = True
        self._send(answer)
        self.connection.settimeout(DISCARD_SECONDS_MAX)
        left = DISCARD_BYTES_MAX
        while left > 0 and (piece := self.rfile.read1(64 * 1024)):
            left -= len(piece)

    # -- of the base class -------------------------------------------------------------------------
    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses by itself, and then the connection is of no use any more."""
        status = HTTPStatus(code)
        self.close_connection = True
        self._send(RefusedError(status, message or status.phrase).answer)

    def version_string(self) -> str:
        return "kv_store"

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not written to the terminal; what the cluster does is."""


def _try_again(error: str) -> Answer:
    document = {"outcome": "failed", "error": error}
    return Answer.of(HTTPStatus.SERVICE_UNAVAILABLE, document, Retry_After="1")
