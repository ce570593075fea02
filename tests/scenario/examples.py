"""The scenario that the documentation shows, and texts with one thing changed."""

EXAMPLE = """\
name = "leader-in-minority"
about = "Leader cut off with one follower; the minority must not serve stale reads."
nodes = 5
seed = 42
duration = "40s"
[workload]
kind = "cas"                 # register cas set append bank counter lock
clients = 8
rate = "120/s"               # open loop
keys = 20                    # a key retires after ops-per-key: keeps checking cheap
ops-per-key = 400
mix = { read = 50, write = 30, cas = 20 }
timeout = "1s"
[[step]]
when = "5s"
do = "partition leader, any-follower / rest"
as = "cut"
for = "12s"
[[step]]
when = "leader-change after cut"
do = "net --link leader:any --latency 80ms+-30ms --drop 5%"
for = "6s"
[[step]]
when = "cut.healed + 2s"
do = "kill leader"
as = "crash"
for = "3s"                   # restarted after 3 s
[random]                     # optional background faults, same seed
from = "25s"
to = "35s"
every = "1s..3s"
budget = "quorum-safe"       # or "any"
faults = { "pause any" = 3, "kill any" = 2, "partition --ring" = 1 }
[expect]
linearizable = true
invariants = "all"
converge-within = "10s"
[expect.cut]
max-unavailable = { write = "1500ms", read = "1500ms" }
min-ok = 200                 # otherwise vacuous -> inconclusive
[expect.crash]
max-unavailable = { write = "2s" }
"""

HEAD = 'nodes = 5\nduration = "40s"\n'
"""Two lines before what a test adds."""


def step(when: str, do: str, name: str = "", lasts: str = "") -> str:
    """A step as text, of three to five lines."""
    text = f'[[step]]\nwhen = "{when}"\ndo = "{do}"\n'
    text += f'as = "{name}"\n' if name else ""
    return text + (f'for = "{lasts}"\n' if lasts else "")
