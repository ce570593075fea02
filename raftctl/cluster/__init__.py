"""A cluster is a directory: its nodes, their processes, its faults."""
