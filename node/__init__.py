"""A Raft node: the library (`node.raft`), and a durable, networked process around it."""
