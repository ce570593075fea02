"""Clients of a cluster: pure sessions, and a blocking shell around them."""
