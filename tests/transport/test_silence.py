"""What the kernel is told about sides that fall silent; what comes of it is in sim."""

import socket

import pytest
import trio

from node.transport.silence import (
    KEEPALIVE_PROBES,
    UNACKNOWLEDGED_MS_MAX,
    give_up_soon,
    keep_alive,
)
from tests.transport.pairs import tcp_pair


def test_kernel_asks_whether_the_other_side_is_there() -> None:
    async def main() -> None:
        here, there = tcp_pair()
        async with here, there:
            keep_alive(here)
            assert here.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            probes = here.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)
            assert probes == KEEPALIVE_PROBES

    trio.run(main)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system cannot")
def test_kernel_gives_up_what_nobody_acknowledges() -> None:
    async def main() -> None:
        here, there = tcp_pair()
        async with here, there:
            give_up_soon(here)
            patience_ms = here.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert patience_ms == UNACKNOWLEDGED_MS_MAX

    trio.run(main)


def test_connection_that_is_gone_already_is_no_error() -> None:
    async def main() -> None:
        here, there = tcp_pair()
        async with there:
            await here.aclose()
            keep_alive(here)
            give_up_soon(here)

    trio.run(main)
