"""Tests that look at system calls, or let them fail."""

import os
import shutil

import pytest

needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None and os.environ.get("CI") != "true",
    reason="strace is not installed: apt install strace",
)
