"""Simulated clusters on the command line."""
