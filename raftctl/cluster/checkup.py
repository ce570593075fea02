"""What `raftctl doctor` looks at: the environment, the homes, the clusters and their nodes."""

import os
import platform
import shutil
import sqlite3
import stat
import sys
from dataclasses import replace
from pathlib import Path

from node.config import ConfigError, read_token
from raftctl.cluster.changing import look
from raftctl.cluster.diagnosis import diagnose, kept_data
from raftctl.cluster.directory import Cluster, all_clusters
from raftctl.cluster.faultsfile import read_faults
from raftctl.cluster.joining import mark_of
from raftctl.cluster.memberlist import strangers
from raftctl.cluster.observation import adopt_strays
from raftctl.cluster.ports import is_free, owner_of
from raftctl.cluster.scene import gather
from raftctl.cluster.settling import unsettled
from raftctl.clusterdocs import Finding
from raftctl.errors import CliError
from raftctl.settings import Settings

MIB = 1024 * 1024
FREE_MIB_MIN = 64
"""With less, a write-ahead log has no room for a busy minute."""


def examine(settings: Settings, fix: bool) -> list[Finding]:
    """All findings, good ones too. `fix`: mend what can be mended without a loss."""
    clusters = all_clusters(settings)
    findings = [
        _finding(
            "python",
            f"{platform.python_version()} at {sys.executable}",
            "" if sys.version_info >= (3, 11) else "install Python 3.11 or newer",
        ),
        _finding("sqlite", sqlite3.sqlite_version),
        _finding("home", f"{settings.home}, clusters: {len(clusters)}", _home_hint(settings.home)),
        _disk(settings.home),
    ]
    for cluster in clusters:
        found = _examine_cluster(cluster, fix)
        findings += [replace(each, cluster=cluster.name) for each in found]
    return findings


def _finding(check: str, message: str, hint: str = "") -> Finding:
    """Whatever has a hint is not well."""
    severity = "error" if hint else "ok"
    return Finding(check, not hint, message, hint, check.replace(" ", "_"), severity)


def _disk(home: Path) -> Finding:
    free_mib = shutil.disk_usage(_nearest(home)).free // MIB
    hint = f"make room: df -h {home}" if free_mib < FREE_MIB_MIN else ""
    return _finding("disk", f"{free_mib} MiB free", hint)


def _nearest(folder: Path) -> Path:
    """The folder itself, or the one that it would be made in."""
    return next(each for each in (folder, *folder.parents) if each.exists())


def _home_hint(home: Path) -> str:
    nearest = _nearest(home)
    is_writable = os.access(nearest, os.W_OK | os.X_OK)
    return "" if is_writable else "it cannot be written: another --home, or mend its permissions"


def _examine_cluster(cluster: Cluster, fix: bool) -> list[Finding]:
    if cluster.damage is not None:
        hint = f"raftctl down {cluster.name} --purge removes it"
        return [_finding("cluster", f"{cluster.name}: {cluster.damage}", hint)]
    findings = [_token(cluster, fix)]
    try:
        count = len(read_faults(cluster).faults)
        findings.append(_finding("faults", f"{cluster.name}: {count} in force"))
    except CliError as error:
        findings.append(_finding("faults", f"{cluster.name}: {error.message}", error.hint))
    seen = {node_id: process.find() for node_id, process in cluster.processes.items()}
    adopt_strays(cluster)
    for node in cluster.spec.nodes:
        found = _examine_node(cluster, node.id, seen[node.id], fix)
        findings += [replace(each, node=node.name) for each in found]
    findings += _leftovers(cluster) + _members(cluster) + _data(cluster)
    return findings + diagnose(gather(cluster))


def _data(cluster: Cluster) -> list[Finding]:
    """What recover and restore left: data of an earlier life, or of one that was not finished."""
    findings = []
    for node_id in unsettled(cluster.folder):
        text = f"{cluster.name}/n{node_id}: a command was killed while it made the cluster anew"
        findings.append(_finding("data", text, f"{cluster.line} up ends what it had begun"))
    for process in cluster.processes.values():
        for before in process.folder.glob("before-*"):
            size = sum(each.stat().st_size for each in before.rglob("*") if each.is_file())
            findings.append(kept_data(cluster.name, cluster.line, process.node_id, size))
    return findings


def _leftovers(cluster: Cluster) -> list[Finding]:
    """Folders of nodes that were removed, or that never got to be one."""
    findings = []
    for process in cluster.leftovers:
        name = f"{cluster.name}/{process.name}"
        if process.is_running:
            pid = process.find() or "unknown"
            text = f"{name} is no node of the cluster, and runs as pid {pid}"
            findings.append(_finding("leftover", text, f"kill {pid}, then {cluster.line} prune"))
        else:
            text = f"{name} was removed, its data is still there: {cluster.line} prune"
            findings.append(_finding("leftover", text))
    return findings


def _members(cluster: Cluster) -> list[Finding]:
    """Whether cluster.json and the nodes agree about who belongs to the cluster."""
    if all(process.find() is None for process in cluster.processes.values()):
        return []
    view = look(cluster)
    line, name = cluster.line, cluster.name
    if view.index is None:
        return []
    findings = []
    for node in cluster.spec.nodes:
        if view.role_of(node.id) == "none":
            go_on = f"{line} members add {node.name} goes on, "
            hint = f"{line} members remove {node.name} tidies up"
            hint = go_on + hint if mark_of(cluster, node.id).exists() else hint
            text = f"{name}/{node.name} is no member: a command was interrupted"
            findings.append(_finding("members", text, hint))
    for row in strangers(cluster, view):
        text = f"{row.id} of {name} is a member, and not in cluster.json"
        findings.append(_finding("members", text, row.remedy))
    return findings or [_finding("members", f"{name}: {len(view.configuration.members)} members")]


def _token(cluster: Cluster, fix: bool) -> Finding:
    path = cluster.folder / "token"
    try:
        read_token(cluster.folder)
        mode = stat.S_IMODE(path.stat().st_mode)
    except ConfigError as error:
        hint = f"{cluster.line} down, and copy it back: without it nobody can talk to the nodes"
        return _finding("token", f"{cluster.name}: {error}", hint)
    if mode & 0o077 and fix:
        path.chmod(0o600)
        mode = 0o600
    hint = "raftctl doctor --fix" if mode & 0o077 else ""
    return _finding("token", f"{cluster.name}: mode {mode:o}", hint)


def _examine_node(cluster: Cluster, node_id: int, pid: int | None, fix: bool) -> list[Finding]:
    """`pid`: what its folder says, which may know less than the node itself."""
    process = cluster.processes[node_id]
    name = f"{cluster.name}/{process.name}"
    findings = []
    if process.has_stale_pid:
        if fix:
            process.forget_stale_pid()
        state = "removed" if fix else "left by a process that is gone"
        findings.append(
            _finding(
                "stale pid", f"{name}: pid file {state}", "" if fix else "raftctl doctor --fix"
            )
        )
    running = process.find()
    port = cluster.spec.address_of(node_id).port
    if pid is None and running is not None:
        text = f"{name} runs as pid {running}, and its folder does not know"
        findings.append(_finding("lost pid", text, f"{cluster.line} restart {process.name}"))
    elif running is None and not is_free(port):
        text = f"{name}: {port} is taken by {owner_of(port)}"
        findings.append(_finding("port", text, "end that, or make a new cluster"))
    return findings
