"""Sockets: framed channels, how they open, the links to peers, and the listener."""
