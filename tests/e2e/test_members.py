"""Members change under load, and nothing that was acknowledged is lost."""

import pytest

from tests.measure.commands import fresh_home
from tests.measure.membership import Writer

pytestmark = pytest.mark.e2e

WRITERS = 2


def test_all_members_are_replaced_one_after_the_other_and_no_acknowledged_write_is_lost() -> None:
    """The snapshots are frequent, so that the new ones begin with one of them."""
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3", "--set", "snapshots.entries=200", "--set", "snapshots.tail=50")
        raftctl.run("bench", "put", "--ops", "500", "--inflight", "64")
        writers = [Writer(raftctl, f"w{number}") for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        try:
            for old in ("n1", "n2", "n3"):
                raftctl.run("members", "replace", old)
        finally:
            for writer in writers:
                writer.is_over.set()
            for writer in writers:
                writer.join()
        assert [writer.errors for writer in writers] == [[]] * WRITERS
        acknowledged = {key for writer in writers for key in writer.acknowledged}
        assert len(acknowledged) > 100
        status = raftctl.document("status")
        assert [node["id"] for node in status["nodes"]] == ["n4", "n5", "n6"]
        assert status["health"] == "ok"
        assert all(node["first_index"] > 1 for node in status["nodes"])
        # The new members alone have all of it, and bring it back after a crash of all at once.
        raftctl.run("prune", "-y")
        raftctl.run("kill", "all")
        raftctl.run("up")
        found = raftctl.document("scan", "w", "--limit", "1000000")["items"]
        assert acknowledged <= {item["key"] for item in found}
