"""What happens to the disk and to the clock of one node."""

import random

from node.scenario import actions
from node.scenario.errors import ScenarioError
from node.sim.clock import PPM
from node.sim.coverage import Coverage
from node.sim.host import Host


def disturb(
    host: Host, action: actions.Disk | actions.Clock, rng: random.Random, coverage: Coverage
) -> None:
    """Raises ScenarioError for what cannot be."""
    if isinstance(action, actions.Disk):
        _disturb_disk(host, action, rng, coverage)
        return
    coverage.met("clock off")
    jump_us, rate_ppm = action.jump_us, round(action.rate * PPM)
    if jump_us:
        host.change_clock(lambda clock: clock.jump(jump_us))
    else:
        host.change_clock(lambda clock: clock.run_at(rate_ppm))


def _disturb_disk(host: Host, action: actions.Disk, rng: random.Random, coverage: Coverage) -> None:
    faults = host.disk.faults
    match action.kind:
        case "full":
            faults.is_full = True
            coverage.met("disk full")
        case "fail":
            faults.fails = True
        case "stall":
            faults.stall_us = action.delay_us
            coverage.met("disk stalled")
        case "slow":
            faults.slow_us = action.delay_us
        case "rot":
            what = host.disk.rot(rng)
            if what is None:
                raise ScenarioError(f"the disk of n{host.id} holds nothing that could rot")
            coverage.met(f"{what} rotten")
