"""Scenarios: what is done to a cluster and when, as TOML, for the simulator and the live engine."""
