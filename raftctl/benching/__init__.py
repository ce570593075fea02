"""A load on a cluster: what is asked, how long it takes, what is done to the nodes meanwhile."""
