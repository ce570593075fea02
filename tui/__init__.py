"""The terminal viewer: a Textual app over the nodes' event streams."""
