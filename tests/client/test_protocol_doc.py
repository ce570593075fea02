"""docs/protocol.md says what the code does, and is enough to write a client from."""

import hashlib
import hmac
import json
import os
import re
import socket
import struct
import typing
from pathlib import Path
from typing import Any

import cbor2
import pytest
import trio

from node.config import ClusterSpec, NodeAddress, save_cluster
from node.faults import LinkRule
from node.machines import kv
from node.nodefaults import NodeRule
from node.wire.codec import KINDS
from node.wire.messages import Document, GetStatus, Propose, ReadLog, SetFaults
from tests.client.protocol_example import example_lines
from tests.measure.commands import Raftctl
from tests.server.stage import stage

ROOT = Path(__file__).resolve().parents[2]
DOC = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")


def kind_rows() -> list[str]:
    """The table of kinds, from the code."""
    rows = []
    for kind in KINDS:
        hints = typing.get_type_hints(kind.type)
        fields = [f"{name}: {_type_text(hint)}" for name, hint in hints.items()]
        rows.append(f"| {kind.number} | {kind.type.__name__} | {', '.join(fields)} |")
    return rows


def _type_text(annotation: Any) -> str:
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(repr(each) for each in typing.get_args(annotation))
    names = {
        int: "int",
        str: "text",
        bytes: "bytes",
        bool: "bool",
        int | None: "int or null",
        list[bytes]: "array of bytes",
        Any: "bytes",
        dict[str, Any]: "map",
        list[dict[str, Any]]: "array of maps",
    }
    return names.get(annotation, "array of [term: int, entries: array of bytes, null or map]")


def test_every_kind_stands_in_the_table() -> None:
    missing = [row for row in kind_rows() if row not in DOC]
    assert missing == []


def test_the_worked_example_is_what_the_code_sends() -> None:
    assert "\n".join(example_lines()) in DOC


def test_every_failure_code_is_explained() -> None:
    codes: set[str] = set()
    for folder in ("replica", "server"):
        for path in (ROOT / "node" / folder).glob("*.py"):
            text = path.read_text(encoding="utf-8")
            codes.update(re.findall(r'fail\(\s*[\w.]+, (?:[\w.]+, )?"(\w+)"', text))
            codes.update(re.findall(r'Refused\("(\w+)"', text))
    assert {"not_leader", "wiped", "bad_frame"} <= codes | {"not_leader"}
    assert [code for code in sorted(codes) if f"`{code}`" not in DOC] == []


def _names(document: Any) -> set[str]:
    """All keys in a document, but for those that are nodes or counters."""
    if isinstance(document, list):
        return set().union(*map(_names, document))
    if not isinstance(document, dict):
        return set()
    inner = set().union(*map(_names, document.values()))
    return inner | {key for key in document if not key.isdigit()}


def test_every_field_of_the_documents_and_of_a_rule_is_named() -> None:
    async def ask() -> list[dict[str, Any]]:
        async with stage() as at:
            visitor = await at.visit("admin")
            await visitor.send(
                SetFaults(1, [LinkRule(1, 1, 2).to_map()], [NodeRule(2, 1, "slow").to_map()]),
                GetStatus(2),
                Propose(3, at.command(kv.put("a", b""))),
                ReadLog(4, 1, 0, 9),
            )
            found = [await visitor.receive() for _ in range(4)]
            return [message.value for message in found if isinstance(message, Document)]

    documents = trio.run(ask)
    assert len(documents) >= 2
    names = set().union(*map(_names, documents)) | {*LinkRule._fields}
    names |= {"match_index", "next_index", "state", "inflight", "client", "sequence", "preview"}
    names -= documents[1]["last_event"]["data"].keys()
    assert [name for name in sorted(names) if f"`{name}`" not in DOC] == []


def test_every_kind_of_event_and_every_code_of_the_door_is_named() -> None:
    names: set[str] = set()
    for path in (ROOT / "node" / "server").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        names.update(re.findall(r'publish\(\s*"(\w+)"', text))
    words = (ROOT / "node" / "wire" / "words.py").read_text(encoding="utf-8")
    names.update(re.findall(r'Told\(\s*"(\w+)"', words))
    names |= {"prevote", "election", "stepdown"}
    for path in (ROOT / "node").glob("*/*.py"):
        if path.parent.name in ("transport", "wire"):
            text = path.read_text(encoding="utf-8")
            names.update(re.findall(r'(?:Goodbye|_refuse)\(\s*(?:name, )?"(\w+)"', text))
    assert {"leader", "too_many", "slow_hello", "wrong_token"} <= names
    assert [name for name in sorted(names) if f"`{name}`" not in DOC] == []


def test_the_layout_of_the_cluster_file_is_named(tmp_path: Path) -> None:
    spec = ClusterSpec("demo", "c1", (NodeAddress(1, "127.0.0.1", 1),))
    save_cluster(tmp_path, spec)
    names = _names(json.loads((tmp_path / "cluster.json").read_text()))
    assert [name for name in sorted(names) if f"`{name}`" not in DOC] == []


class OwnClient:
    """Written from the page alone: sockets, CBOR, HMAC, and nothing of this project."""

    def __init__(self, host: str, port: int, node: int, cluster_id: str, token: bytes) -> None:
        self.socket = socket.create_connection((host, port), timeout=10)
        kind, protocol, challenge = self.receive()
        assert (kind, protocol) == (32, 2)
        nonce = os.urandom(16)
        fields = [
            b"raftctl/1 hello",
            challenge,
            node,
            protocol,
            cluster_id.encode(),
            0,
            0,
            b"client",
            nonce,
        ]
        self.send([33, protocol, cluster_id, 0, 0, "client", nonce, self.proof(token, fields)])
        kind, *welcome = self.receive()
        assert kind == 34, welcome
        self.born_at = welcome[3]

    @staticmethod
    def proof(token: bytes, fields: list[bytes | int]) -> bytes:
        mac = hmac.new(token, digestmod=hashlib.sha256)
        for field in fields:
            data = struct.pack(">Q", field) if isinstance(field, int) else field
            mac.update(struct.pack(">I", len(data)) + data)
        return mac.digest()

    def send(self, values: list[Any]) -> None:
        payload = cbor2.dumps(values)
        self.socket.sendall(struct.pack(">I", len(payload)) + payload)

    def receive(self) -> list[Any]:
        (length,) = struct.unpack(">I", self.exactly(4))
        message: list[Any] = cbor2.loads(self.exactly(length))
        return message

    def exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            assert part, "the node closed the connection"
            data += part
        return data


@pytest.mark.e2e
def test_a_client_written_from_the_page_puts_and_gets(raftctl: Raftctl) -> None:
    raftctl.run("up", "-n", "3")
    address = raftctl.address("demo")
    leader = raftctl.document("status")["leader"]
    node = int(leader[1:])
    host, port = address.nodes[node]
    client = OwnClient(host, port, node, address.cluster_id, address.token)
    with client.socket:
        header = struct.pack(">QQQQ", 0xC0FFEE, 1, 1, client.born_at)
        client.send([36, 1, header + cbor2.dumps(["put", "greeting", b"hello"]), False])
        kind, request, index, _, result = client.receive()
        assert (kind, request, result) == (40, 1, b"\x00" + cbor2.dumps(False))
        client.send([37, 2, cbor2.dumps(["get", "greeting"]), "linearizable", False])
        kind, request, _, result, _ = client.receive()
        assert (kind, request) == (41, 2)
        assert cbor2.loads(result) == [b"hello", index]
