"""The cluster that a run is about: one of its own, gone when it ends, or one that was lent."""

import contextlib
import fcntl
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import IO

from raftctl.chaos.folders import RunFolder
from raftctl.chaos.lines import Lines
from raftctl.cluster.directory import RUN_LOCK, Cluster, find_cluster
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings

OWN_NAME = "chaos"
UP_SECONDS = 60.0


def held(settings: Settings) -> IO[str]:
    """A file that keeps the cluster for one run, for as long as it is open: two runs would take
    each other's faults for their own. Raises CliError.
    """
    cluster = find_cluster(settings)
    file = os.fdopen(os.open(cluster.folder / RUN_LOCK, os.O_RDWR | os.O_CREAT, 0o600))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        message = f"another run is using cluster {cluster.name}"
        hint = "wait until it is over; without -c a run has a cluster of its own"
        raise CliError("E_BUSY", message, Exit.PRECONDITION, hint=hint) from None
    return file


def check_size(nodes: int, cluster: Cluster, hint: str) -> None:
    """A scenario for five says something else on three. Raises CliError; its hint may have {found}
    in it.
    """
    found = len(cluster.spec.nodes)
    if found != nodes:
        message = f"the scenario is about {nodes} nodes, and {cluster.name} has {found}"
        raise CliError("E_SIZE", message, Exit.PRECONDITION, hint=hint.format(found=found))


class Arena:
    """Use it in a `with` block: behind it nothing of a run's own cluster runs any more."""

    def __init__(self, settings: Settings, folder: RunFolder, nodes: int, lent: str | None) -> None:
        """`lent`: the name of a cluster to use, which has its own number of nodes."""
        self._folder = folder
        self._nodes = nodes
        self.is_own = lent is None
        name = OWN_NAME if lent is None else lent
        home = folder.home if lent is None else settings.home
        self.settings = replace(settings, home=home, cluster=name, is_home_flag=True)
        self.mark = "" if lent is None else folder.stamp
        """What keys have in them, so that nobody else's are touched, nor those of earlier runs."""
        options = ["--home", str(home), "-c", name, "-y"]
        self._files = contextlib.ExitStack()
        kept = [] if lent is None else [self._files.enter_context(held(self.settings)).fileno()]
        self.lines = Lines(options, [["down"]] if self.is_own else [], kept)
        self._cluster: Cluster | None = None

    def __enter__(self) -> "Arena":
        try:
            if self.is_own:
                self.lines.do(["up", "-n", str(self._nodes), "--any-port"], UP_SECONDS).check()
            self.lines.do(["wait", "ready", "--timeout", "30s"]).check()
            self._cluster = find_cluster(self.settings)
            check_size(
                self._nodes,
                self._cluster,
                "--set nodes={found} changes that; without -c it has a cluster of its own",
            )
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._close()

    def _close(self) -> None:
        with self._files:
            self.lines.close()

    @property
    def cluster(self) -> Cluster:
        assert self._cluster is not None, "it is up"
        return self._cluster

    def keep_logs(self) -> None:
        """Put what the nodes wrote beside the other files of the run."""
        for path in sorted(self.cluster.folder.glob("n*/node.log")):
            target = self._folder.path / "nodes" / path.parent.name / path.name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(path, target)

    def recorded(self) -> list[Path]:
        """The files of what the nodes recorded, also before the run."""
        return list(self.cluster.folder.glob("n*/flight/*.frames"))

    def forget_data(self) -> None:
        """Remove the data of a cluster of one's own. Only behind the `with` block."""
        if self.is_own:
            shutil.rmtree(self._folder.home, ignore_errors=True)
