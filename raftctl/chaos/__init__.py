"""Chaos: a scenario carried out on a cluster of real processes, and a verdict on what came of it.

`folders` says where runs lie; `hand` carries out the lines of a scenario, `stepping` when they are
due; `clients` and `probes` ask the cluster meanwhile; `watcher` writes down what the nodes tell;
`running` is the run, and `judging` what it proved.
"""
