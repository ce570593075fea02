"""Stable storage: what a node must find again after a crash."""
