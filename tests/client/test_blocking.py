"""The blocking client: a lost answer is no second command, and impostors get nothing."""

from typing import Literal

import cbor2
import pytest

from node.client.address import ClusterAddress
from node.client.blocking import Client
from node.client.errors import OutcomeUnknownError, UnreachableError
from node.wire.envelope import unseal
from node.wire.messages import Hello
from tests.client.middlemen import Impostor, Listeners, lossy_middle
from tests.measure.commands import Raftctl


@pytest.fixture(scope="module")
def address(raftctl: Raftctl) -> ClusterAddress:
    raftctl.run("up", "-n", "3", "--machine", "tests.measure.machines:AppendLog")
    return raftctl.address("demo")


def applied(client: Client) -> list[bytes]:
    commands: list[bytes] = cbor2.loads(client.read(b"").result)
    return commands


@pytest.mark.e2e
@pytest.mark.parametrize("cuts", [["answer"], ["request"], ["answer", "request", "answer"]])
def test_command_is_applied_once_when_its_connection_dies(
    address: ClusterAddress, cuts: list[Literal["request", "answer"]]
) -> None:
    command = "-".join(cuts).encode()
    with lossy_middle(address) as (middle, where), Client(where, timeout=20) as client:
        client.propose(b"before-" + command)
        length = len(applied(client))
        middle.commands.clear()
        middle.cut(*cuts)
        result = client.propose(command).result
        assert middle.cuts_left == 0
        assert len(middle.commands) >= len(cuts) + 1, "each cut costs an attempt"
        assert applied(client)[length:] == [command]
        assert int(result) == length, "a retry gets the result of the one that was applied"
        headers = {unseal(each)[0] for each in middle.commands}
        assert len(headers) == 1, "a retry is the same command, number and all"


@pytest.mark.e2e
def test_next_command_is_another_one_though_it_has_the_same_bytes(address: ClusterAddress) -> None:
    with lossy_middle(address) as (middle, where), Client(where, timeout=20) as client:
        middle.cut("answer")
        first = client.propose(b"same")
        second = client.propose(b"same")
        assert int(second.result) == int(first.result) + 1
        assert applied(client)[-2:] == [b"same", b"same"]


@pytest.mark.e2e
def test_client_whose_session_expired_in_doubt_goes_on_under_a_new_one(
    address: ClusterAddress,
) -> None:
    with lossy_middle(address) as (middle, where), Client(where, timeout=20) as client:
        middle.cut("answer", "expired")
        with pytest.raises(OutcomeUnknownError, match="the session expired") as caught:
            client.propose(b"in doubt")
        before = {unseal(each)[0].client_id for each in middle.commands}
        assert {caught.value.command} == {unseal(each)[0][:2] for each in middle.commands}
        middle.commands.clear()
        middle.cut("answer")  # so that the next one would be in doubt too
        client.propose(b"and on")
        after = {unseal(each)[0].client_id for each in middle.commands}
        assert (len(before), len(after), before & after) == (1, 1, set())


@pytest.mark.e2e
def test_new_session_is_born_where_the_old_one_was_refused(address: ClusterAddress) -> None:
    with lossy_middle(address) as (middle, where), Client(where, timeout=20) as client:
        index = client.propose(b"before").index
        middle.commands.clear()
        middle.cut("expired")
        client.propose(b"again")
        old, new = (unseal(each)[0] for each in middle.commands)
        assert new.client_id != old.client_id
        assert new.born_at > index > old.born_at


def test_node_that_does_not_know_the_token_is_refused_and_gets_no_command() -> None:
    impostor = Impostor()
    real = ClusterAddress("c1", b"t" * 32, {1: ("127.0.0.1", 1)}, 1 << 20)
    with (
        Listeners(real, impostor.serve) as listeners,
        Client(listeners.address, timeout=1) as client,
    ):
        with pytest.raises(UnreachableError) as caught:
            client.propose(b"secret")
        client.close()
    assert (caught.value.code, caught.value.outcome) == ("wrong_token", "none")
    assert {type(each) for each in impostor.told} == {Hello}
