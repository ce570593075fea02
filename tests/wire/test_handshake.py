"""Both sides prove that they know the token, for this connection and no other."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.wire.handshake import (
    NONCE_BYTES,
    HandshakeError,
    check_hello,
    check_welcome,
    client_proof,
    make_hello,
    make_welcome,
    server_proof,
)
from node.wire.messages import PROTOCOL_VERSION, Challenge, Hello, Role, Welcome

TOKEN = b"t" * 32
OTHER_TOKEN = b"u" * 32
NONCE = b"c" * NONCE_BYTES
CLIENT_NONCE = b"n" * NONCE_BYTES
PEERS = {1, 2, 3}


def _hello(
    token: bytes = TOKEN,
    *,
    cluster_id: str = "demo",
    node_id: int = 2,
    role: Role = "peer",
    challenge_nonce: bytes = NONCE,
    nonce: bytes = CLIENT_NONCE,
    dialled_id: int = 1,
) -> Hello:
    return make_hello(
        token,
        cluster_id=cluster_id,
        node_id=node_id,
        incarnation=7,
        role=role,
        nonce=nonce,
        challenge=Challenge(PROTOCOL_VERSION, challenge_nonce),
        dialled_id=dialled_id,
    )


def _check(hello: Hello, challenge_nonce: bytes = NONCE) -> str | None:
    """The code of the refusal, None for an entry."""
    goodbye = check_hello(
        hello,
        token=TOKEN,
        cluster_id="demo",
        challenge_nonce=challenge_nonce,
        node_id=1,
        peer_ids=PEERS,
    )
    if goodbye is None:
        return None
    assert goodbye.reason
    return goodbye.code


def _welcome(hello: Hello, token: bytes = TOKEN, *, node_id: int = 1) -> Welcome:
    return make_welcome(token, hello, NONCE, node_id=node_id, incarnation=5, last_applied=99)


def _signed(hello: Hello, **changes: Any) -> Hello:
    """`hello` with other fields and a proof that fits them."""
    changed = hello._replace(**changes)
    return changed._replace(proof=client_proof(TOKEN, changed, NONCE, 1))


def test_two_sides_that_share_the_token_accept_each_other() -> None:
    hello = _hello()
    assert _check(hello) is None
    welcome = _welcome(hello)
    check_welcome(welcome, hello, TOKEN, NONCE, expect_node_id=1)
    assert (welcome.node_id, welcome.incarnation, welcome.last_applied) == (1, 5, 99)


@pytest.mark.parametrize("role", ["client", "admin", "observer"])
def test_those_who_are_no_peers_need_no_node_id(role: Role) -> None:
    assert _check(_hello(role=role, node_id=0)) is None


def test_a_wrong_token_is_refused_at_the_accepting_side() -> None:
    assert _check(_hello(OTHER_TOKEN)) == "wrong_token"


def test_a_wrong_token_is_refused_at_the_dialling_side() -> None:
    hello = _hello()
    with pytest.raises(HandshakeError) as caught:
        check_welcome(_welcome(hello, OTHER_TOKEN), hello, TOKEN, NONCE, expect_node_id=1)
    assert caught.value.code == "wrong_token"


@pytest.mark.parametrize("version", [0, PROTOCOL_VERSION + 1])
def test_the_dialling_side_refuses_another_version(version: int) -> None:
    with pytest.raises(HandshakeError, match=str(version)) as caught:
        make_hello(
            TOKEN,
            cluster_id="demo",
            node_id=2,
            incarnation=7,
            role="peer",
            nonce=CLIENT_NONCE,
            challenge=Challenge(version, NONCE),
            dialled_id=1,
        )
    assert caught.value.code == "protocol_version"


def test_the_accepting_side_refuses_another_version_before_it_looks_at_the_proof() -> None:
    assert _check(_hello()._replace(protocol=PROTOCOL_VERSION + 1, proof=b"")) == "protocol_version"


def test_another_cluster_is_refused() -> None:
    assert _check(_hello(cluster_id="other")) == "wrong_cluster"


@pytest.mark.parametrize("node_id", [0, 4, 2**63 - 1])
def test_an_unknown_node_is_refused(node_id: int) -> None:
    assert _check(_hello(node_id=node_id)) == "unknown_node"


def test_who_knows_no_token_does_not_learn_which_nodes_exist() -> None:
    for node_id in (2, 4):
        assert _check(_hello(OTHER_TOKEN, node_id=node_id)) == "wrong_token"


def test_a_hello_for_one_node_does_not_open_another() -> None:
    """Else who listens on a dead node's port could pass it on, and act in another's name."""
    assert _check(_hello(dialled_id=3)) == "wrong_token"


def test_a_replayed_hello_does_not_fit_another_challenge() -> None:
    hello = _hello()
    assert _check(hello, challenge_nonce=b"d" * NONCE_BYTES) == "wrong_token"


def test_a_replayed_welcome_does_not_fit_another_connection() -> None:
    first = _hello()
    welcome = _welcome(first)
    second = _hello(nonce=b"m" * NONCE_BYTES)
    for hello, nonce in ((second, NONCE), (first, b"d" * NONCE_BYTES)):
        with pytest.raises(HandshakeError) as caught:
            check_welcome(welcome, hello, TOKEN, nonce, expect_node_id=1)
        assert caught.value.code == "wrong_token"


def test_a_proof_that_is_sent_back_serves_neither_side() -> None:
    hello = _hello()
    with pytest.raises(HandshakeError):
        check_welcome(Welcome(1, 5, hello.proof, 0), hello, TOKEN, NONCE, expect_node_id=1)
    assert _check(hello._replace(proof=_welcome(hello).proof)) == "wrong_token"


@pytest.mark.parametrize(
    "change",
    [
        {"node_id": 3},
        {"incarnation": 8},
        {"role": "admin"},
        {"nonce": b"m" * NONCE_BYTES},
        {"proof": b""},
        {"proof": b"x" * 32},
    ],
    ids=lambda change: "-".join(change),
)
def test_a_hello_that_was_changed_under_way_is_refused(change: dict[str, Any]) -> None:
    assert _check(_hello()._replace(**change)) == "wrong_token"


@pytest.mark.parametrize("length", [0, NONCE_BYTES - 1, NONCE_BYTES + 1])
def test_a_nonce_of_another_length_is_refused_though_its_proof_fits(length: int) -> None:
    assert _check(_signed(_hello(), nonce=b"n" * length)) == "wrong_token"


@pytest.mark.parametrize("change", [{"node_id": 2}, {"incarnation": 6}, {"proof": b""}])
def test_a_welcome_that_was_changed_under_way_is_refused(change: dict[str, Any]) -> None:
    hello = _hello()
    welcome = _welcome(hello)._replace(**change)
    with pytest.raises(HandshakeError) as caught:
        check_welcome(welcome, hello, TOKEN, NONCE, expect_node_id=welcome.node_id)
    assert caught.value.code == "wrong_token"


def test_the_right_cluster_behind_the_wrong_address_is_refused() -> None:
    hello = _hello()
    with pytest.raises(HandshakeError, match="n3 answers where n1 should") as caught:
        check_welcome(_welcome(hello, node_id=3), hello, TOKEN, NONCE, expect_node_id=1)
    assert caught.value.code == "unknown_node"


def test_the_proof_of_a_hello_does_not_depend_on_its_own_proof_field() -> None:
    hello = _hello()
    assert client_proof(TOKEN, hello._replace(proof=b"any"), NONCE, 1) == hello.proof


def test_fields_that_join_to_the_same_bytes_give_different_proofs() -> None:
    one = _signed(_hello(), cluster_id="demo", nonce=b"x" * NONCE_BYTES)
    assert client_proof(TOKEN, one, b"ab", 1) != client_proof(
        TOKEN, one._replace(cluster_id="bdemo"), b"a", 1
    )


def test_the_token_is_in_no_frame() -> None:
    hello = _hello()
    assert TOKEN not in hello.proof + hello.nonce + _welcome(hello).proof


INTEGERS = st.integers(0, 2**63 - 1)
HELLOS = st.builds(
    Hello,
    st.just(PROTOCOL_VERSION) | INTEGERS,
    st.just("demo") | st.text(max_size=10),
    INTEGERS,
    INTEGERS,
    st.sampled_from(["peer", "client", "admin", "observer"]),
    st.binary(min_size=NONCE_BYTES, max_size=NONCE_BYTES) | st.binary(max_size=40),
    st.binary(max_size=40),
)


@given(HELLOS)
def test_whatever_the_codec_lets_through_is_refused_without_an_exception(hello: Hello) -> None:
    assert _check(hello) in {"protocol_version", "wrong_cluster", "wrong_token"}


@given(HELLOS, INTEGERS, INTEGERS)
def test_a_server_proof_is_made_of_any_hello(hello: Hello, node_id: int, other: int) -> None:
    assert len(server_proof(TOKEN, hello, NONCE, node_id, other)) == 32
