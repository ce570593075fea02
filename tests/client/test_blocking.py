"""The blocking client: a lost answer is no second command, and impostors get nothing."""

from typing import Literal

import cbor2
import pytest

from node.client.address import ClusterAddress
from node.client.blocking import Client
from node.client.errors import UnreachableError
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
