"""raftctl: run, watch and break Raft clusters on this machine."""

__version__ = "0.1.0"
