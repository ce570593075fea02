"""The cluster files and scenarios that ship with raftctl, read through importlib.resources."""
