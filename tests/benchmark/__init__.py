"""raftctl beside etcd and PySyncObj, in turns on one machine in one run, and how it grows.

python -m tests.benchmark side      throughput, latency and memory, against the targets
python -m tests.benchmark failover  how long writes stop when the leader is killed, or stopped
python -m tests.benchmark growth    by cluster size, value size, log, keys, observers
python -m tests.benchmark all       the three, at most half an hour: `make bench`
python -m tests.benchmark page      docs/performance.md: its tables and drawings, of the last run

Results lie in build/bench as JSON. Data lies there too, since /tmp may be memory, where flushing
costs nothing.
"""
