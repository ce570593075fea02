"""The verbs of keys and values against a real cluster, as people and scripts type them."""

from collections.abc import Iterator

import pytest

from tests.measure.commands import Raftctl, fresh_home

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def cluster() -> Iterator[Raftctl]:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        yield raftctl


def test_scan_says_whether_there_is_more(cluster: Raftctl) -> None:
    for name in ("a", "b", "c"):
        cluster.run("put", f"scan-{name}", name)
    cut = cluster.document("scan", "scan-", "--limit", "2")
    assert ([item["key"] for item in cut["items"]], cut["more"]) == (["scan-a", "scan-b"], True)
    assert cluster.document("scan", "scan-", "--limit", "3")["more"] is False
    assert "--limit" in cluster.run("scan", "scan-", "--limit", "2").stderr
    assert cluster.run("scan", "scan-").stderr == ""
    assert cluster.run("scan", "--limit", "0", check=False).returncode == 2
