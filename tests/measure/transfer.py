"""A large snapshot on its way to a follower, over a link that is cut."""

import time
from typing import Any

from node.client.admin import Admin
from node.client.blocking import Client
from node.machines import kv
from node.wire.messages import Happened
from tests.measure.commands import Raftctl, fresh_home

MIB = 1024 * 1024
CUT_SECONDS = 0.5
CALL_SECONDS = 60


def transfer(size_mib: int, cuts: int) -> int:
    """Cut the link `cuts` times, at equal parts of the way. 1 when bytes were sent too often."""
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        leader = int(raftctl.document("status")["leader"][1:])
        late = next(n for n in (1, 2, 3) if n != leader)
        raftctl.run("snapshot", "auto", "--entries", "0", "--bytes", "8GiB", "--tail", "0")
        raftctl.run("kill", f"n{late}")
        with Client(raftctl.address("demo"), timeout=CALL_SECONDS) as client:
            for number in range(size_mib):
                client.propose(kv.put(f"large-{number}", bytes([number % 256]) * (MIB - 64)))
        for node_id in {1, 2, 3} - {late}:
            with Admin(raftctl.address("demo"), node_id, CALL_SECONDS) as admin:
                taken = admin.take_snapshot()
        size = taken["bytes"]
        print(f"a snapshot of {size / MIB:.1f} MiB, n{late} needs it")
        started = time.monotonic()
        raftctl.run("start", f"n{late}")
        for cut in range(1, cuts + 1):
            at = _cut_at(raftctl, leader, late, size * cut // (cuts + 1))
            print(f"cut {cut} at {at / MIB:.1f} MiB acknowledged")
        sent = _sent(raftctl, leader, taken["index"])
        share = sent["sent_bytes"] / size
        print(
            f"installed after {time.monotonic() - started:.1f} s, "
            f"{sent['sent_bytes'] / MIB:.1f} MiB sent: {share:.3f} times its size"
        )
    return 0 if share <= 1.1 else 1


def _cut_at(raftctl: Raftctl, leader: int, late: int, offset: int) -> int:
    """Cut the link for a moment once the follower has acknowledged `offset` bytes."""
    address = raftctl.address("demo")
    with Admin(address, leader, CALL_SECONDS) as of_leader:
        acked = 0
        while acked < offset:
            progress = of_leader.status()["progress"][str(late)].get("snapshot")
            acked = acked if progress is None else progress["acked_bytes"]
        ends = time.time() + CUT_SECONDS
        links = [(leader, late), (late, leader)]
        rules: list[dict[str, Any]] = [
            {"fault": 1, "src": src, "dst": dst, "cut": True, "expires_at": ends}
            for src, dst in links
        ]
        of_leader.set_faults(rules)
        with Admin(address, late, CALL_SECONDS) as of_late:
            of_late.set_faults(rules)
        time.sleep(CUT_SECONDS)
    return acked


def _sent(raftctl: Raftctl, leader: int, index: int) -> dict[str, Any]:
    """What the leader tells when the follower has installed the snapshot at `index`."""
    with Admin(raftctl.address("demo"), leader, CALL_SECONDS, role="observer") as observer:
        for frame in observer.subscribe(history=True):
            if not (isinstance(frame, Happened) and frame.kind == "snapshot"):
                continue
            if (frame.data["state"], frame.data["index"]) == ("sent", index):
                return frame.data
    raise RuntimeError("the leader went away")
