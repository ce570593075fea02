"""Strangers at the door of a running node: each is shown out, and the node goes on."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from node.client.address import ClusterAddress
from node.client.admin import Admin
from node.client.blocking import Client
from node.client.errors import UnreachableError
from node.client.survey import status_of_all
from node.machines import kv
from node.wire.codec import decode, encode_frame
from node.wire.framing import FrameReader, frame
from node.wire.handshake import make_hello
from node.wire.messages import Challenge, GetStatus, Goodbye, Hello, Role, Welcome
from tests.measure.commands import Raftctl

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def address(raftctl: Raftctl) -> ClusterAddress:
    raftctl.run("up", "-n", "3")
    raftctl.run("wait", "ready")
    return raftctl.address("demo")


@pytest.fixture(autouse=True)
def _node_goes_on(address: ClusterAddress) -> Iterator[None]:
    """Whatever a test sent, the cluster serves afterwards."""
    yield
    with Client(address) as client:
        client.propose(kv.put("alive", os.urandom(4)))
    assert all(isinstance(answer, dict) for answer in status_of_all(address, 2).values())


class Stranger:
    """A bare socket to node 1."""

    def __init__(self, address: ClusterAddress, sock: socket.socket) -> None:
        self.address = address
        self.socket = sock
        self.reader = FrameReader(1 << 20)
        self.messages: list[object] = []

    def receive(self) -> object:
        """The next message; None at the end of the stream."""
        while not self.messages:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self.messages += [decode(payload) for payload in self.reader.feed(data)]
        return self.messages.pop(0)

    def hello(self, role: Role, token: bytes | None = None, cluster: str | None = None) -> Hello:
        challenge = self.receive()
        assert isinstance(challenge, Challenge)
        return make_hello(
            token or self.address.token,
            cluster_id=cluster or self.address.cluster_id,
            node_id=2 if role == "peer" else 0,
            incarnation=1,
            role=role,
            nonce=os.urandom(16),
            challenge=challenge,
            dialled_id=1,
        )

    def enter(self, role: Role) -> None:
        self.socket.sendall(encode_frame(self.hello(role)))
        assert isinstance(self.receive(), Welcome)

    def ending(self) -> str | None:
        """The code of the Goodbye, or None, and then the end of the stream."""
        code = None
        while (message := self.receive()) is not None:
            if isinstance(message, Goodbye):
                code = message.code
        return code


@contextmanager
def stranger(address: ClusterAddress) -> Iterator[Stranger]:
    with socket.create_connection(address.nodes[1], timeout=10) as sock:
        yield Stranger(address, sock)


def counters(address: ClusterAddress) -> dict[str, int]:
    with Admin(address, 1) as admin:
        found: dict[str, int] = admin.status()["counters"]
    return found


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x00",
        frame(b"\xff\xff\xff"),
        frame(os.urandom(200)),
    ],
    ids=["http", "huge length", "zero length", "not cbor", "noise"],
)
def test_garbage_before_hello_closes_the_connection(address: ClusterAddress, data: bytes) -> None:
    before = counters(address).get("bad_frame", 0)
    with stranger(address) as visitor:
        visitor.socket.sendall(data)
        assert visitor.ending() == "bad_frame"
    assert counters(address)["bad_frame"] == before + 1


def test_frame_over_the_limit_is_refused_before_it_is_read(address: ClusterAddress) -> None:
    with stranger(address) as visitor:
        visitor.enter("client")
        visitor.socket.sendall((address.frame_bytes_max + 1).to_bytes(4, "big"))
        assert visitor.ending() == "bad_frame"


def test_truncated_frame_is_counted(address: ClusterAddress) -> None:
    before = counters(address).get("bad_frame", 0)
    with stranger(address) as visitor:
        visitor.enter("client")
        visitor.socket.sendall(b"\x00\x00\x00\x10half")
        visitor.socket.shutdown(socket.SHUT_WR)
        visitor.ending()
    assert counters(address)["bad_frame"] == before + 1


def test_dripped_request_is_answered(address: ClusterAddress) -> None:
    with stranger(address) as visitor:
        visitor.enter("admin")
        for byte in encode_frame(GetStatus(7)):
            visitor.socket.sendall(bytes([byte]))
        assert getattr(visitor.receive(), "id", None) == 7


def test_silent_visitor_is_shown_out(address: ClusterAddress) -> None:
    with stranger(address) as visitor:
        assert isinstance(visitor.receive(), Challenge)
        assert visitor.ending() is None
    assert counters(address)["slow_hello"] >= 1


def test_wrong_token_is_refused_with_its_reason(address: ClusterAddress) -> None:
    with stranger(address) as visitor:
        visitor.socket.sendall(encode_frame(visitor.hello("client", token=b"x" * 32)))
        assert visitor.ending() == "wrong_token"
    false = ClusterAddress(address.cluster_id, b"y" * 32, address.nodes, address.frame_bytes_max)
    with pytest.raises(UnreachableError, match="token"):
        Admin(false, 1)


def test_node_of_another_cluster_is_refused(address: ClusterAddress) -> None:
    with stranger(address) as visitor:
        visitor.socket.sendall(encode_frame(visitor.hello("peer", cluster="another")))
        assert visitor.ending() == "wrong_cluster"


def test_other_protocol_version_is_refused(address: ClusterAddress) -> None:
    with stranger(address) as visitor:
        hello = visitor.hello("client")
        newer = Hello(
            99, hello.cluster_id, 0, hello.incarnation, "client", hello.nonce, hello.proof
        )
        visitor.socket.sendall(encode_frame(newer))
        assert visitor.ending() == "protocol_version"


def test_client_may_not_do_what_operators_do(address: ClusterAddress) -> None:
    with stranger(address) as visitor:
        visitor.enter("client")
        visitor.socket.sendall(encode_frame(GetStatus(1)))
        assert visitor.ending() == "not_permitted"


def test_peer_may_not_speak_in_another_nodes_name(address: ClusterAddress) -> None:
    from node.raft.messages import RequestVote

    with stranger(address) as visitor:
        visitor.enter("peer")
        visitor.socket.sendall(encode_frame(RequestVote(99, 3, 99, 99)))
        assert visitor.ending() == "not_permitted"


def test_impossible_raft_message_ends_that_connection_alone(address: ClusterAddress) -> None:
    from node.raft.messages import AppendEntries, LogEntry

    with stranger(address) as visitor:
        visitor.enter("peer")
        bad = AppendEntries(1, 2, 0, 0, [LogEntry(5, b"x"), LogEntry(1, b"y")], 0, 1)
        visitor.socket.sendall(encode_frame(bad))
        assert visitor.ending() == "protocol_error"


def test_refusals_are_in_the_log(address: ClusterAddress, raftctl: Raftctl) -> None:
    with stranger(address) as visitor:
        visitor.socket.sendall(encode_frame(visitor.hello("client", token=b"x" * 32)))
        visitor.ending()
    shown = raftctl.run("logs", "n1", "--level", "warn", "--grep", "wrong_token").stdout
    assert "refused" in shown
    assert "127.0.0.1" in shown
