"""What crosses a socket: frames, the messages in them, and how a connection opens."""
