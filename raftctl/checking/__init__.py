"""Histories, read from files and checked: the clock and the processes around `node.verify`."""

from raftctl.checking.checked import Checked as Checked
from raftctl.checking.checker import check_operations as check_operations
