"""The connections between nodes, as far as their ends tell somebody something.

A process that ends takes its connections with it. A peer notices that soon, or not at all, as when
the machine went too. Connections also end while both sides live: two nodes lose each other, or one
loses all of them for a moment. Frames know nothing of that: what is under way arrives.
"""

import random
from collections.abc import Callable, Mapping

from node.sim.host import Host
from node.sim.kernel import Kernel
from node.sim.options import Options
from node.sim.streams import stream

SECOND = 1_000_000
NOTICE_US_MAX = 20_000
"""Until a peer has noticed."""


class Contacts:
    """`hosts` are all nodes there are, by number."""

    def __init__(
        self, kernel: Kernel, seed: int, options: Options, hosts: Mapping[int, Host]
    ) -> None:
        self.deaths_noticed = 0
        """How often a node noticed that the process of the leader that it follows is gone."""
        self._kernel = kernel
        self._seed = seed
        self._chance = options.noticed
        self._hosts = hosts
        self._is_calm = False
        self._begin("resets", options.resets, self._reset)
        self._begin("flaps", options.flaps, self._flap)

    def calm(self) -> None:
        """Connections end only with processes from now on."""
        self._is_calm = True

    def ended(self, node_id: int) -> None:
        """The process of this node is gone."""
        rng = stream(self._seed, "noticed", node_id, self._hosts[node_id].lives)
        for peer_id in sorted(self._hosts):
            delay_us = rng.randrange(NOTICE_US_MAX)
            if peer_id != node_id and rng.random() < self._chance:
                self._kernel.after(delay_us, "fault", self._notice, peer_id, node_id)

    def _notice(self, node_id: int, peer_id: int) -> None:
        host = self._hosts[node_id]
        if host.is_running and host.core.leader_id == peer_id:
            self.deaths_noticed += 1
        host.lose(peer_id)

    # -- while both sides live ---------------------------------------------------------------------
    def _begin(self, name: str, per_second: float, happen: Callable[[random.Random], None]) -> None:
        if per_second:
            self._go_on(stream(self._seed, name), per_second, happen)

    def _go_on(
        self, rng: random.Random, per_second: float, happen: Callable[[random.Random], None]
    ) -> None:
        """One after the other, at any time."""
        wait_us = round(rng.expovariate(per_second) * SECOND)
        self._kernel.after(wait_us, "fault", self._happens, rng, per_second, happen)

    def _happens(
        self, rng: random.Random, per_second: float, happen: Callable[[random.Random], None]
    ) -> None:
        if not self._is_calm:
            happen(rng)
            self._go_on(rng, per_second, happen)

    def _reset(self, rng: random.Random) -> None:
        if len(self._hosts) > 1:
            self._part(*rng.sample(sorted(self._hosts), 2))

    def _flap(self, rng: random.Random) -> None:
        """Often it is whoever leads: else hardly anything follows from it."""
        running = [host for host in self._hosts.values() if host.is_running]
        leading = [host.id for host in running if host.core.is_leader]
        everybody = sorted(self._hosts)
        node_id = rng.choice(leading if leading and rng.random() < 0.5 else everybody)
        for peer_id in sorted(self._hosts.keys() - {node_id}):
            self._part(node_id, peer_id)

    def _part(self, one: int, other: int) -> None:
        self._hosts[one].lose(other)
        self._hosts[other].lose(one)
