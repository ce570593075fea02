"""The ports that a cluster takes when it may take any."""

import socket

import pytest

from raftctl.cluster.ports import ANY_PORTS, any_ports, is_free
from raftctl.errors import CliError

LENT_FROM = 32_768
"""Where Linux begins, by default, to lend ports to outgoing connections; others begin higher."""


def test_port_that_is_lent_to_a_connection_while_its_node_is_down_is_never_chosen() -> None:
    for _ in range(20):
        ports = any_ports(9)
        assert len(set(ports)) == 9
        assert max(ports) < LENT_FROM
        assert all(map(is_free, ports))


def test_ports_that_are_taken_or_wanted_again_are_left_out() -> None:
    wanted = any_ports(3)
    saved = set(ANY_PORTS) - set(wanted)
    assert sorted(any_ports(3, saved)) == sorted(wanted)
    with socket.create_server(("127.0.0.1", wanted[0])):
        assert sorted(any_ports(2, saved)) == sorted(wanted[1:])
        with pytest.raises(CliError) as refused:
            any_ports(3, saved)
    assert refused.value.code == "E_PORT_BUSY"
