"""What `raftctl doctor` looks at: the environment, the homes, the ports, stale pid files."""

import platform
import sqlite3
import stat
import sys

from raftctl.cluster.directory import Cluster, all_clusters
from raftctl.cluster.launcher import is_free, owner_of
from raftctl.documents import Finding
from raftctl.settings import Settings


def examine(settings: Settings, fix: bool) -> list[Finding]:
    """All findings, good ones too. `fix`: mend what can be mended without a loss."""
    findings = [
        Finding(
            "python",
            sys.version_info >= (3, 11),
            f"{platform.python_version()} at {sys.executable}",
            "" if sys.version_info >= (3, 11) else "install Python 3.11 or newer",
        ),
        Finding("sqlite", True, sqlite3.sqlite_version, ""),
    ]
    clusters = all_clusters(settings)
    findings.append(Finding("home", True, f"{settings.home}, {len(clusters)} clusters", ""))
    for cluster in clusters:
        findings += _examine_cluster(cluster, fix)
    return findings


def _examine_cluster(cluster: Cluster, fix: bool) -> list[Finding]:
    findings = []
    mode = stat.S_IMODE((cluster.folder / "token").stat().st_mode)
    if mode & 0o077 and fix:
        (cluster.folder / "token").chmod(0o600)
        mode = 0o600
    readable = bool(mode & 0o077)
    hint = "raftctl doctor --fix" if readable else ""
    findings.append(Finding("token", not readable, f"{cluster.name}: mode {mode:o}", hint))
    for node in cluster.spec.nodes:
        process = cluster.processes[node.id]
        if process.has_stale_pid:
            if fix:
                process.remove_stale_pid()
            state = "removed" if fix else "left by a process that is gone"
            text = f"{cluster.name}/{node.name}: pid file {state}"
            findings.append(Finding("stale pid", fix, text, "" if fix else "raftctl doctor --fix"))
        if process.find() is None and not is_free(node.port):
            text = f"{cluster.name}/{node.name}: {node.port} is taken by {owner_of(node.port)}"
            findings.append(Finding("port", False, text, "stop it, or make a new cluster"))
    return findings
