"""etcd among those that are compared: its members, and the load in Go that goes with it."""
