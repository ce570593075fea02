"""Members that come and go under load: what becomes of the writes."""

import threading
import time
from itertools import count

from node.client.address import ClusterAddress
from node.client.blocking import Client
from node.client.errors import ClientError
from node.config import load_cluster, read_token
from node.machines import kv
from tests.measure.commands import Raftctl, fresh_home
from tests.measure.longlived import Background, background, bench

WRITERS = 4
CALL_SECONDS = 10


class Writer(threading.Thread):
    """Puts one key after the other, and remembers those that were acknowledged."""

    def __init__(self, raftctl: Raftctl, name: str) -> None:
        super().__init__(name=name, daemon=True)
        folder = raftctl.home / "clusters" / "demo"
        address = ClusterAddress.following(folder, load_cluster(folder), read_token(folder))
        self._client = Client(address, timeout=CALL_SECONDS)
        self.is_over = threading.Event()
        self.acknowledged: list[str] = []
        self.errors: list[ClientError] = []

    def run(self) -> None:
        with self._client as client:
            for number in count():
                if self.is_over.is_set():
                    return
                key = f"{self.name}-{number}"
                try:
                    client.propose(kv.put(key, b"x"))
                except ClientError as error:
                    self.errors.append(error)
                else:
                    self.acknowledged.append(key)


def membership(ops: int) -> int:
    """A fourth node is added under 1,000 puts a second, then all the first three are replaced. 1
    when a put failed while one was added, or an acknowledged write was lost.
    """
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        print(f"{ops} puts before, {bench(raftctl, ops):.0f}/s")
        with background(raftctl) as load:
            time.sleep(2)
            seconds = raftctl.timed("members", "add")
            time.sleep(1)
            failed = failures(load)
        print(f"members add took {seconds:.2f} s; {failed} puts failed or are in doubt")
        raftctl.run("members", "remove", "n4")
        lost, acknowledged = replace_all(raftctl, ("n1", "n2", "n3"))
    print(f"{acknowledged} writes acknowledged while n1, n2 and n3 were replaced, {lost} lost")
    return 1 if failed or lost or not acknowledged else 0


def failures(load: Background) -> int:
    tally = load.pipeline.tally
    return tally.errors + tally.unknown


def replace_all(raftctl: Raftctl, nodes: tuple[str, ...]) -> tuple[int, int]:
    """How many acknowledged writes are not there at the end, of how many."""
    writers = [Writer(raftctl, f"w{number}") for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for old in nodes:
        print(f"members replace {old}: {raftctl.timed('members', 'replace', old):.2f} s")
    for writer in writers:
        writer.is_over.set()
    for writer in writers:
        writer.join()
    acknowledged = {key for writer in writers for key in writer.acknowledged}
    found = raftctl.document("scan", "w", "--limit", "1000000")["items"]
    return len(acknowledged - {item["key"] for item in found}), len(acknowledged)
