"""The folder of a cluster, how a command finds it, and how commands take turns on it."""

import contextlib
import fcntl
import os
import re
import shlex
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from node.config import ClusterSpec, ConfigError, load_cluster, read_token
from raftctl.cluster import journal
from raftctl.cluster.processes import NodeProcess
from raftctl.cluster.settling import settle
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings
from raftctl.values import check_name

if TYPE_CHECKING:
    from node.client.address import ClusterAddress

DEFAULT_NAME = "demo"
LOCK_SECONDS_MAX = 60.0
LOCK_PATIENCE_SECONDS = 0.1
POLL_SECONDS = 0.02
RUN_LOCK = "chaos.lock"
"""Locked by a run of faults on the cluster, until what it did is undone."""
FILES = (
    journal.NAME, journal.ASIDE, "faults.json", "faults.lock", RUN_LOCK, "ephemeral", "token",
    "cluster.json",
)  # fmt: skip
"""What a cluster's folder holds beside its nodes' folders; the file that makes it one is last."""


@dataclass
class Cluster:
    """A cluster's folder. `line` is how a command line about it begins, as in hints."""

    name: str
    folder: Path
    line: str = "raftctl"
    _stamp: tuple[int, int] | None = field(default=None, repr=False)

    @cached_property
    def spec(self) -> ClusterSpec:
        try:
            self._stamp = self._file_stamp()
            return load_cluster(self.folder)
        except ConfigError as error:
            hint = error.hint or f"raftctl down {self.name} --purge removes it"
            raise CliError("E_CONFIG", str(error), Exit.USAGE, hint=hint) from error

    def _file_stamp(self) -> tuple[int, int] | None:
        with contextlib.suppress(OSError):
            found = (self.folder / "cluster.json").stat()
            return found.st_ino, found.st_mtime_ns
        return None

    def refresh(self) -> None:
        """Look again which nodes it has, if somebody changed that: they come and go."""
        stamp = self._file_stamp()
        if "spec" not in self.__dict__ or stamp in (None, self._stamp):
            return
        with contextlib.suppress(ConfigError):  # what was known is better than nothing
            self.spec = load_cluster(self.folder)
            self._stamp = stamp
            if "processes" in self.__dict__:
                known = self.processes
                self.processes = {
                    node.id: known.get(node.id) or self._process(node.id)
                    for node in self.spec.nodes
                }

    @property
    def damage(self) -> str | None:
        """What is wrong with its settings; None when they can be read."""
        try:
            _ = self.spec
        except CliError as error:
            return error.message
        return None

    @cached_property
    def address(self) -> "ClusterAddress":
        """Where its nodes listen, with the token. The nodes are those of the moment."""
        from node.client.address import ClusterAddress

        try:
            return ClusterAddress.following(self.folder, self.spec, read_token(self.folder))
        except ConfigError as error:
            raise CliError("E_CONFIG", str(error), Exit.USAGE, hint="raftctl doctor") from error

    @cached_property
    def processes(self) -> dict[int, NodeProcess]:
        """By node. Of a damaged cluster: those that have a folder, so that it can be taken down."""
        if self.damage is None:
            ids = [node.id for node in self.spec.nodes]
        else:
            ids = sorted(int(folder.name[1:]) for folder in self._node_folders())
        return {node_id: self._process(node_id) for node_id in ids}

    def _process(self, node_id: int) -> NodeProcess:
        return NodeProcess(self.folder, node_id, self.line)

    def processes_now(self) -> list[NodeProcess]:
        """Those of the nodes that it has at this moment."""
        self.refresh()
        return list(self.processes.values())

    @property
    def leftovers(self) -> list[NodeProcess]:
        """The folders of nodes that it no longer has, or not yet. None of a damaged cluster."""
        if self.damage is not None:
            return []
        found = sorted(int(folder.name[1:]) for folder in self._node_folders())
        known = {node.id for node in self.spec.nodes}
        return [self._process(node_id) for node_id in found if node_id not in known]

    def _node_folders(self) -> list[Path]:
        with contextlib.suppress(OSError):
            return [each for each in self.folder.iterdir() if re.fullmatch(r"n[1-9]\d*", each.name)]
        return []

    @property
    def is_ephemeral(self) -> bool:
        return (self.folder / "ephemeral").exists()

    def purge(self) -> list[str]:
        """Remove all that raftctl made, wherever the data lies. Gives the names of what stays.

        Raises CliError when a node runs, and nothing was removed then, or when something cannot be
        removed; the cluster is still there then.
        """
        with contextlib.ExitStack() as held:
            for node_folder in self._node_folders():
                process = self._process(int(node_folder.name[1:]))
                with contextlib.suppress(OSError):  # a full disk is a reason to remove something
                    held.enter_context(process.hold())
            return self._purge()

    def _purge(self) -> list[str]:
        try:
            for node_folder in self._node_folders():
                shutil.rmtree(node_folder)
            for name in FILES:
                for aside in self.folder.glob(f".{name}.*"):  # of a command that was killed
                    aside.unlink()
                (self.folder / name).unlink(missing_ok=True)
            left = sorted(each.name for each in self.folder.iterdir())
            if not left:
                self.folder.resolve().rmdir()
            if self.folder.is_symlink():
                self.folder.unlink()
        except OSError as error:
            raise CliError(
                "E_HOME",
                f"cannot remove {error.filename}: {error.strerror}",
                Exit.USAGE,
                hint=f"remove {self.folder} by hand",
            ) from error
        return left


def clusters_folder(settings: Settings) -> Path:
    return settings.home / "clusters"


def all_clusters(settings: Settings) -> list[Cluster]:
    """Every cluster in this home, by name."""
    try:
        folders = sorted(clusters_folder(settings).iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CliError(
            "E_HOME",
            f"cannot read {clusters_folder(settings)}: {error.strerror}",
            Exit.USAGE,
            hint="another --home, or mend its permissions",
        ) from error
    names = [each.name for each in folders if (each / "cluster.json").exists()]
    return [_cluster(settings, name, len(names)) for name in names]


def _cluster(settings: Settings, name: str, count: int) -> Cluster:
    """`count`: how many clusters there are, which decides what a hint has to name."""
    needs_name = count > 1 and (name != DEFAULT_NAME or settings.cluster is not None)
    words = ["raftctl"]
    if settings.is_home_flag:
        words += ["--home", shlex.quote(str(settings.home))]
    if needs_name:
        words += ["-c", name]
    return Cluster(name, clusters_folder(settings) / name, " ".join(words))


def cluster_name(settings: Settings, given: str | None = None) -> str:
    """The one named, else the only one there is, else demo. Raises CliError for a bad name."""
    if given or settings.cluster:
        return check_name(given or settings.cluster or "")
    found = all_clusters(settings)
    return found[0].name if len(found) == 1 else DEFAULT_NAME


def find_cluster(settings: Settings, given: str | None = None) -> Cluster:
    """Raises CliError when there is no such cluster."""
    name = cluster_name(settings, given)
    names = [each.name for each in all_clusters(settings)]
    if name not in names:
        is_named = given is not None or settings.cluster is not None
        if names and not is_named:
            message = f"which cluster? There are {', '.join(names)}"
            raise CliError("E_USAGE", message, Exit.USAGE, hint=f"-c {names[0]}")
        hint = f"there are: {', '.join(names)}" if names else "raftctl up -n 3"
        raise CliError("E_NO_CLUSTER", f"there is no cluster {name!r}", Exit.NOT_RUNNING, hint=hint)
    return _cluster(settings, name, len(names))


@contextlib.contextmanager
def changing(settings: Settings, name: str) -> Iterator[None]:
    """One command at a time makes, starts, stops or removes the nodes of a cluster.

    Raises CliError when another one takes longer than a minute.
    """
    folder = clusters_folder(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / f".{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    begin = time.monotonic()
    has_said = False
    with os.fdopen(descriptor) as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited = time.monotonic() - begin
            if waited >= LOCK_SECONDS_MAX:
                message = f"another command has been changing {name} for {waited:.0f}s"
                raise CliError("E_BUSY", message, Exit.PRECONDITION, hint="raftctl status")
            if waited >= LOCK_PATIENCE_SECONDS and not has_said:
                settings.output.note(f"waiting for another command that changes {name}")
                has_said = True
            time.sleep(POLL_SECONDS)
        settle(folder / name)
        yield
