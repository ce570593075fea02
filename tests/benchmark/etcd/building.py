"""The load for etcd, from its source to build/bench."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.benchmark.measures import BUILD

SOURCE = Path(__file__).with_name("load.go")
BINARY = BUILD / "etcd-load"
PACKAGES = Path("/usr/share/gocode")
"""Where Debian's golang-etcd-server-dev is."""


def missing() -> str:
    """What has to be installed first; empty: nothing."""
    if shutil.which("etcd") is None:
        return "etcd is not installed; on Debian: apt install etcd-server"
    if not BINARY.is_file() and not (shutil.which("go") and PACKAGES.is_dir()):
        return "the load for etcd needs Go; on Debian: apt install golang-go golang-etcd-server-dev"
    return ""


def built() -> Path:
    """The program, built anew where its source is newer."""
    if not BINARY.is_file() or BINARY.stat().st_mtime < SOURCE.stat().st_mtime:
        print("building the load for etcd, up to a minute", flush=True)
        BUILD.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["go", "build", "-o", str(BINARY), str(SOURCE)],
            env={**os.environ, "GO111MODULE": "off", "GOPATH": str(PACKAGES)},
            check=True,
        )
    return BINARY
