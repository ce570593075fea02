"""The node process: one Trio program around a Replica."""
