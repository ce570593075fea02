"""Threads of a run: one that fails is not just gone."""

import re
from pathlib import Path

import pytest

from node.client.address import ClusterAddress
from node.scenario.scenario import Workload
from raftctl.chaos.clients import Clients
from raftctl.chaos.threads import Threads
from raftctl.chaos.writing import LineFile
from raftctl.errors import CliError


def test_thread_that_fails_ends_the_run_and_says_what_it_was() -> None:
    threads = Threads()
    threads.add("client 3", lambda: [][0])
    threads.add("client 4", lambda: None)
    threads.start()
    threads.join()
    with pytest.raises(CliError, match="client 3 of the run failed: IndexError") as found:
        threads.check()
    assert found.value.exit_code == 1


def test_threads_that_end_in_order_are_no_error() -> None:
    threads = Threads()
    threads.add("client 0", lambda: None)
    threads.start()
    threads.join()
    threads.check()


def test_client_whose_history_cannot_be_written_is_found_out(tmp_path: Path) -> None:
    class Full(LineFile):
        def write(self, document: dict[str, object]) -> int:
            raise OSError(28, "No space left on device")

    nowhere = ClusterAddress("c", b"", {1: ("127.0.0.1", 1)}, 1 << 20)
    file = Full(tmp_path / "history.jsonl", 0)
    clients = Clients(nowhere, Workload(clients=1, rate_per_s=1000), 1, file, "")
    clients.start()
    clients.threads.join()
    file.close()
    with pytest.raises(CliError, match=re.escape("OSError: [Errno 28] No space left on device")):
        clients.threads.check()
