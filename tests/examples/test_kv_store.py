"""The example's cluster in use: three processes, with clients on every member."""

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection

import pytest

from examples.kv_store.codec import MESSAGE_BYTES_MAX
from examples.kv_store.store import KEY_BYTES_MAX, VALUE_BYTES_MAX
from tests.examples.members import Members, running, until

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Members]:
    with running(tmp_path_factory.mktemp("kv")) as cluster:
        cluster.put("first", b"1")
        yield cluster


def test_write_through_any_member_is_read_from_every_member(members: Members) -> None:
    for through in range(3):
        members.put("greeting", b"from %d" % through, through)
        for reader in range(3):
            assert members.get("greeting", reader) == b"from %d" % through


def test_only_the_leader_takes_writes_and_the_others_name_it(members: Members) -> None:
    leader = members.leader()
    for member in range(3):
        reply = members.ask(member, "PUT", "/keys/a%2Fb%3F%C3%A4", b"x", follow=False)
        if member == leader:
            assert reply.status == 200
            assert reply.document["outcome"] == "applied"
            assert "Location" not in reply.headers
        else:
            assert reply.status == 307, "a redirect that nobody may keep"
            location = f"http://127.0.0.1:{members.clients[leader]}/keys/a%2Fb%3F%C3%A4"
            assert reply.headers["Location"] == location
            assert reply.document["outcome"] == "failed"
    assert members.get("a/b%3f%c3%a4", 0) == b"x"


def test_delete_removes_and_may_be_repeated(members: Members) -> None:
    members.put("gone", b"x")
    for _ in range(2):
        assert members.ask(0, "DELETE", "/keys/gone").status == 200
        assert members.ask(1, "GET", "/keys/gone").status == 404


def test_value_may_be_any_bytes(members: Members) -> None:
    for value in (b"", b"\n", bytes(range(256)), b'{"do":"put","key":"b"}\n'):
        members.put("bytes", value)
        assert members.get("bytes", 2) == value


def test_z18_value_of_any_size_up_to_the_limit_is_replicated(members: Members) -> None:
    for size in (1023, 1024, 1025, 65_537, VALUE_BYTES_MAX):
        members.put("large", b"x" * size)
        for reader in range(3):
            assert members.get("large", reader) == b"x" * size


def test_value_over_the_limit_is_refused_before_it_is_proposed(members: Members) -> None:
    members.put("limited", b"before")
    for size in (VALUE_BYTES_MAX + 1, 5 * VALUE_BYTES_MAX):
        reply = members.ask(0, "PUT", "/keys/limited", b"x" * size)
        assert (reply.status, reply.document["outcome"]) == (413, "failed")
    assert members.get("limited", 0) == b"before"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/keys/", 400),
        ("PUT", "/keys/" + "k" * (KEY_BYTES_MAX + 1), 400),
        ("PUT", "/keys/%FF", 400),
        ("PUT", "/elsewhere", 404),
        ("GET", "/keys", 404),
        ("POST", "/keys/a", 405),
        ("OPTIONS", "/keys/a", 501),
    ],
)
def test_request_that_makes_no_sense_is_refused(
    members: Members, method: str, path: str, status: int
) -> None:
    reply = members.ask(0, method, path, b"x")
    assert reply.status == status
    assert reply.document["error"]


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"Content-Length: -1", b"400"),
        (b"Content-Length: 1_0", b"400"),
        (b"Content-Length: " + b"9" * 5000, b"400"),
        (b"Content-Length: 99999999999", b"413"),
        (b"Content-Length: 99999999999\r\nExpect: 100-continue", b"413"),
        (b"Transfer-Encoding: chunked", b"411"),
    ],
)
def test_length_that_makes_no_sense_is_refused(
    members: Members, header: bytes, status: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", members.clients[0]), 10) as client:
        client.sendall(b"PUT /keys/a HTTP/1.1\r\n" + header + b"\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as answer:
            assert answer.readline().startswith(b"HTTP/1.1 " + status)
            assert answer.read().endswith(b"}\n"), "and the connection ends"


def test_half_a_request_writes_nothing_and_keeps_nobody_waiting(members: Members) -> None:
    members.put("half", b"whole")
    with socket.create_connection(("127.0.0.1", members.clients[0]), 10) as client:
        client.sendall(b"PUT /keys/half HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf")
        assert members.get("half", 0) == b"whole"
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1024) == b""
    assert members.get("half", 0) == b"whole"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">I", 5) + b"hello",
        "another cluster",
        "rubbish",
        "a stranger",
        "another member",
        "too long",
    ],
)
def test_bad_peer_is_dropped_and_the_member_goes_on(members: Members, sent: bytes | str) -> None:
    if isinstance(sent, str):
        ports = ",".join(map(str, [1, 2, 3] if sent == "another cluster" else members.peers))
        greeting = f"kv_store 1, from member 1 to member 0 of {ports}".encode()
        stranger = {
            "message": "StaleTerm",
            "term": 99,
            "responder_id": 2 if sent == "another member" else 7,
            "entries": [],
        }
        body = b"\xff" if sent in ("rubbish", "too long") else json.dumps(stranger).encode() + b"\n"
        length = MESSAGE_BYTES_MAX + 1 if sent == "too long" else len(body)
        sent = struct.pack(">I", len(greeting)) + greeting + struct.pack(">I", length) + body
    with socket.create_connection(("127.0.0.1", members.peers[0]), 10) as peer:
        peer.sendall(sent)
        with suppress(ConnectionResetError):  # there was more to read than it took
            assert peer.recv(1) == b""
    assert members.ask(0, "GET", "/").document["term"] < 99
    members.put("first", b"still there", 0)


def test_z18_two_writers_and_many_waiters_are_all_answered(members: Members) -> None:
    """Each client waits for its own entry, and none is forgotten when several are applied."""

    def write(number: int) -> None:
        members.put(f"many-{number}", b"%d" % number, number % 3)

    with ThreadPoolExecutor(24) as clients:
        list(clients.map(write, range(96)))
    for number in range(96):
        assert members.get(f"many-{number}", (number + 1) % 3) == b"%d" % number


def test_z18_read_is_never_older_than_an_acknowledged_write(members: Members) -> None:
    """The writer raises a number; each read, begun after an answer, gives that or a later one."""
    acknowledged = 0
    is_over = threading.Event()

    def raise_the_number() -> None:
        nonlocal acknowledged
        for number in range(1, 60):
            members.put("number", b"%d" % number, number % 3)
            acknowledged = number
        is_over.set()

    members.put("number", b"0")
    writer = threading.Thread(target=raise_the_number)
    writer.start()
    reads = 0
    while not is_over.is_set():
        before = acknowledged
        value = members.get("number", reads % 3)
        assert value is not None
        assert int(value) >= before
        reads += 1
    writer.join()
    assert reads > 10


def test_connection_is_kept_for_the_next_request(members: Members) -> None:
    client = HTTPConnection("127.0.0.1", members.clients[members.leader()], timeout=10)
    client.request("PUT", "/keys/a", b"x" * 5000)
    assert client.getresponse().read()
    kept = client.sock
    client.request("GET", "/keys/a")
    assert client.getresponse().read() == b"x" * 5000
    assert client.sock is kept
    client.close()


def test_z18_peer_that_does_not_answer_delays_nobody(members: Members) -> None:
    """A paused process accepts connections and takes nothing from them."""
    leader = members.leader()
    paused = (leader + 1) % 3
    term = members.ask(leader, "GET", "/").document["term"]
    members.pause(paused)
    try:
        longest = 0.0
        for number in range(40):
            before = time.monotonic()
            reply = members.ask(leader, "PUT", f"/keys/paused-{number}", b"x" * 100_000)
            assert reply.status == 200, reply
            longest = max(longest, time.monotonic() - before)
        assert longest < 2
        assert members.ask(leader, "GET", "/").document["term"] == term, "no election"
    finally:
        members.resume(paused)
    until(lambda: members.ask(paused, "GET", "/").status == 200, "the member answers again")
    assert members.get("paused-39", paused) == b"x" * 100_000
