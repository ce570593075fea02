"""State machines: what a cluster replicates."""
