"""Whether acknowledged writes survive the death of every node at once, under load."""

import os
import signal
import threading
import time
from collections import Counter
from itertools import count

import cbor2

from node.client.blocking import Client
from node.client.errors import ClientError
from tests.measure.commands import Raftctl, fresh_home

WRITERS = 8
LOAD_SECONDS = 0.5


class Writer(threading.Thread):
    """Writes one id after the other until its cluster dies, and notes which were acknowledged."""

    def __init__(self, raftctl: Raftctl, name: str) -> None:
        super().__init__(name=name)
        self._client = Client(raftctl.address("demo"), timeout=2)
        self._is_over = threading.Event()
        self.acknowledged: list[bytes] = []

    def run(self) -> None:
        with self._client as client:
            for number in count():
                command = f"{self.name}-{number}".encode()
                try:
                    client.propose(command)
                except ClientError:
                    return
                self.acknowledged.append(command)
                if self._is_over.is_set():
                    return

    def stop(self) -> None:
        self._is_over.set()


def durability(rounds: int) -> int:
    """kill -9 of all nodes at once, `rounds` times. 1 when a write was lost or applied twice."""
    acknowledged: set[bytes] = set()
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3", "--machine", "tests.measure.machines:AppendLog")
        for number in range(rounds):
            acknowledged |= _load_and_kill(raftctl, f"round{number}")
            raftctl.run("start", "all")
            raftctl.run("wait", "ready")
            with Client(raftctl.address("demo"), timeout=10) as client:
                applied = Counter(cbor2.loads(client.read(b"").result))
            lost = acknowledged - applied.keys()
            twice = [command for command, times in applied.items() if times > 1]
            print(
                f"round {number + 1:2}: {len(acknowledged)} acknowledged, {len(applied)} applied, "
                f"{len(lost)} lost, {len(twice)} applied twice"
            )
            if lost or twice:
                return 1
    return 0


def _load_and_kill(raftctl: Raftctl, name: str) -> set[bytes]:
    writers = [Writer(raftctl, f"{name}-{number}") for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    time.sleep(LOAD_SECONDS)  # the load itself, not a wait for something
    for node in raftctl.document("status")["nodes"]:
        os.kill(node["pid"], signal.SIGKILL)
    for writer in writers:
        writer.stop()
    for writer in writers:
        writer.join()
    return {command for writer in writers for command in writer.acknowledged}
