"""What gathers leaves together, and what a client gave is handed on as it is: no entry has a
message, a write or a copy of its own.
"""

from node.raft.messages import AppendEntries
from node.raft.ready import Ready
from tests.raft.cluster import Cluster

BATCH = 256


def proposed(count: int) -> tuple[Cluster, list[bytes], Ready]:
    """A leader that followers keep up with, so many commands one by one, and its next batch."""
    cluster = Cluster(3, entry_size=len)  # bytes bound an append, as in a node
    cluster.elect(1)
    cluster.propose(b"first")
    commands = [b"%d" % number * 100 for number in range(count)]
    core = cluster[1].core
    for command in commands:
        core.propose([command])
    ready = core.ready()
    assert ready is not None
    return cluster, commands, ready


def appends_in(ready: Ready) -> dict[int, list[AppendEntries]]:
    found: dict[int, list[AppendEntries]] = {}
    for envelope in ready.messages:
        if isinstance(envelope.message, AppendEntries):
            found.setdefault(envelope.to, []).append(envelope.message)
    return found


def test_batch_is_one_write_and_one_append_to_each_follower() -> None:
    _, commands, ready = proposed(BATCH)
    assert [entry.entry for entry in ready.entries] == commands
    appends = appends_in(ready)
    assert {to: [len(each.entries) for each in sent] for to, sent in appends.items()} == {
        2: [BATCH],
        3: [BATCH],
    }


def test_commands_are_not_copied_on_their_way_to_the_disk_and_to_the_followers() -> None:
    _, commands, ready = proposed(BATCH)
    handed_on = [ready.entries, *(each.entries for (each,) in appends_in(ready).values())]
    for entries in handed_on:
        assert all(entry.entry is command for entry, command in zip(entries, commands, strict=True))


def test_batch_is_answered_once_by_each_follower() -> None:
    cluster, _, ready = proposed(BATCH)
    cluster.send(1, ready.messages)
    before = len(cluster[2].disk.log)
    cluster.sent.clear()
    cluster[1].finish(ready)
    cluster.deliver()
    assert len(cluster[2].disk.log) == before + BATCH
    answers = [item for item in cluster.sent if item[0] == 2]
    assert len(answers) <= 2, "one for the entries, one for the commit index that follows"
    assert cluster[1].core.commit_index == cluster[2].core.last_index
