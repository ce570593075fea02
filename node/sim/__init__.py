"""A cluster in one process and in virtual time: the real replicas, everything around them played.

One number, the seed, decides all that happens: settings, faults, what clients do, how long each
message and each flush takes. So whatever goes wrong goes wrong again.
"""
