"""A replicated key-value store over HTTP, built on `node.raft` alone. See README.md beside this."""
