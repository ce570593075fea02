"""Measurements of a real cluster on this machine, each a command that prints its figures:

python -m tests.measure startup     up -n 3 and -n 5 to an elected leader; status; --help
python -m tests.measure firstline   how soon each long command says something
python -m tests.measure verdict     how soon a scenario of 40 s has its verdict and report
python -m tests.measure idle        memory and processor time of nodes that do nothing
python -m tests.measure failover    kill -9 of the leader to the next accepted put
python -m tests.measure durability  kill -9 of all nodes at once under load, retry, and read back
python -m tests.measure throughput  puts or gets per second, and the processor time of each process
python -m tests.measure pauses      how long a node with a million keys is held up by a snapshot
python -m tests.measure simulator   events per second, and memory over seed after seed
python -m tests.measure checker     histories of up to a million operations, from file to verdict
"""
