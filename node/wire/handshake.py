"""How a connection opens: both sides prove that they know the cluster's token, which stays secret.

The accepting side sends a random nonce (Challenge). The dialling side answers with who it is, a
nonce of its own and a proof (Hello); the accepting side with its proof (Welcome) or a reason
(Goodbye). A proof is an HMAC-SHA256 under the token over everything that was said, and the Hello's
also over the id of the node that is dialled, which is not sent: so it serves for this connection
alone, and whoever answers in that node's place cannot pass it on to another node. This
authenticates; it does not encrypt.
"""

import hmac
import struct
from collections.abc import Container

from node.wire.messages import PROTOCOL_VERSION, Challenge, Goodbye, Hello, Role, Welcome

NONCE_BYTES = 16


class HandshakeError(Exception):
    """The other side is not the node that it should be. `code` says why in a word."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def _proof(token: bytes, purpose: bytes, *fields: bytes | int) -> bytes:
    """Each field goes in with its length in front, so that no two lists give the same bytes."""
    mac = hmac.new(token, digestmod="sha256")
    for field in (purpose, *fields):
        data = struct.pack(">Q", field) if isinstance(field, int) else field
        mac.update(struct.pack(">I", len(data)) + data)
    return mac.digest()


def client_proof(token: bytes, hello: Hello, challenge_nonce: bytes, dialled_id: int) -> bytes:
    """The proof that belongs into `hello`, whose own `proof` does not count."""
    return _proof(
        token,
        b"raftctl/1 hello",
        challenge_nonce,
        dialled_id,
        hello.protocol,
        hello.cluster_id.encode(),
        hello.node_id,
        hello.incarnation,
        hello.role.encode(),
        hello.nonce,
    )


def server_proof(
    token: bytes, hello: Hello, challenge_nonce: bytes, node_id: int, incarnation: int
) -> bytes:
    """The proof of the accepting node, over both nonces."""
    return _proof(
        token, b"raftctl/1 welcome", challenge_nonce, hello.nonce, hello.proof, node_id, incarnation
    )


def make_hello(
    token: bytes,
    *,
    cluster_id: str,
    node_id: int,
    incarnation: int,
    role: Role,
    nonce: bytes,
    challenge: Challenge,
    dialled_id: int,
) -> Hello:
    """The dialling side's frame. `node_id` is 0 unless the role is peer; `dialled_id` is the node
    that shall accept it.

    Raises HandshakeError when the accepting side speaks another version.
    """
    if challenge.protocol != PROTOCOL_VERSION:
        raise HandshakeError("protocol_version", _version_reason(challenge.protocol))
    hello = Hello(PROTOCOL_VERSION, cluster_id, node_id, incarnation, role, nonce, b"")
    proof = client_proof(token, hello, challenge.nonce, dialled_id)
    return Hello(PROTOCOL_VERSION, cluster_id, node_id, incarnation, role, nonce, proof)


def check_hello(
    hello: Hello,
    *,
    token: bytes,
    cluster_id: str,
    challenge_nonce: bytes,
    node_id: int,
    peer_ids: Container[int],
) -> Goodbye | None:
    """None when the dialling side may come in, to node `node_id`, else why not."""
    if hello.protocol != PROTOCOL_VERSION:
        return version_refusal(hello.protocol)
    if hello.cluster_id != cluster_id:
        return Goodbye("wrong_cluster", "this node belongs to another cluster")
    if len(hello.nonce) != NONCE_BYTES or not hmac.compare_digest(
        hello.proof, client_proof(token, hello, challenge_nonce, node_id)
    ):
        return Goodbye(
            "wrong_token", f"the proof does not fit this cluster's token and node {node_id}"
        )
    if hello.role == "peer" and hello.node_id not in peer_ids:
        return Goodbye("unknown_node", f"n{hello.node_id} is not a peer of this node")
    return None


def make_welcome(
    token: bytes,
    hello: Hello,
    challenge_nonce: bytes,
    *,
    node_id: int,
    incarnation: int,
    last_applied: int,
) -> Welcome:
    """The accepting side's frame."""
    proof = server_proof(token, hello, challenge_nonce, node_id, incarnation)
    return Welcome(node_id, incarnation, proof, last_applied)


def check_welcome(
    welcome: Welcome, hello: Hello, token: bytes, challenge_nonce: bytes, expect_node_id: int
) -> None:
    """Raise HandshakeError unless `welcome` comes from the node that was dialled."""
    expected = server_proof(token, hello, challenge_nonce, welcome.node_id, welcome.incarnation)
    if not hmac.compare_digest(welcome.proof, expected):
        raise HandshakeError("wrong_token", "the node does not know this cluster's token")
    if welcome.node_id != expect_node_id:
        raise HandshakeError(
            "unknown_node", f"n{welcome.node_id} answers where n{expect_node_id} should"
        )


def version_refusal(theirs: int) -> Goodbye:
    """What is said to a side of another version."""
    return Goodbye("protocol_version", _version_reason(theirs))


def _version_reason(theirs: int) -> str:
    return f"protocol version {theirs}; this side speaks {PROTOCOL_VERSION}"
