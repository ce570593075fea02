"""Run `raftctl` as a user does, in a home of its own."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from node.client.address import ClusterAddress
from node.config import load_cluster, read_token

PROJECT = Path(__file__).resolve().parents[2]
RAFTCTL = Path(sys.executable).with_name("raftctl")


class Raftctl:
    """`raftctl` with one home folder; `RAFTCTL_*` of the surrounding shell does not count."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder: Path | None = None  # where it runs; None: where this process does
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("RAFTCTL_")}
        self.env["RAFTCTL_HOME"] = str(home)
        self.env["PYTHONPATH"] = str(PROJECT)  # for the machine in this package

    def run(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run to the end. `check`: an exit code other than 0 is an error."""
        done = subprocess.run(
            [str(RAFTCTL), *args],
            env=self.env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if check and done.returncode != 0:
            raise RuntimeError(
                f"raftctl {' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done

    def timed(self, *args: str, check: bool = True) -> float:
        """Seconds from start to end."""
        before = time.monotonic()
        self.run(*args, check=check)
        return time.monotonic() - before

    def document(self, *args: str, check: bool = True) -> dict[str, Any]:
        """What a command prints with -o json."""
        parsed: dict[str, Any] = json.loads(self.run(*args, "-o", "json", check=check).stdout)
        return parsed

    def address(self, cluster: str) -> ClusterAddress:
        """Where the nodes of `cluster` listen, and its token; for a client of one's own."""
        folder = self.home / "clusters" / cluster
        return ClusterAddress.of(load_cluster(folder), read_token(folder))


@contextmanager
def fresh_home(inside: Path | None = None) -> Iterator[Raftctl]:
    """A home without clusters; whatever runs in it is taken down at the end."""
    with tempfile.TemporaryDirectory(prefix="raftctl-measure-", dir=inside) as folder:
        raftctl = Raftctl(Path(folder))
        try:
            yield raftctl
        finally:
            raftctl.run("down", "--all", "--purge", "-y", check=False)
