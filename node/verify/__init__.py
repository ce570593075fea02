"""Whether what a cluster did was right: the invariants of Raft, and what its clients may see."""
