"""What a run has to have for a bug to show in it at all."""

from node.replica.sessions import SESSIONS_MAX
from node.scenario import actions
from node.scenario.scenario import Scenario
from node.sim.options import Options


def leases(scenario: Scenario) -> bool:
    return bool(scenario.sim["lease_reads"])


def leases_and_flaps(scenario: Scenario) -> bool:
    """All of a leader's connections end at once, while it lives."""
    return leases(scenario) and bool(scenario.sim["flaps"])


def promises(scenario: Scenario) -> bool:
    """Of followers to a leader."""
    return bool(scenario.sim["check_quorum"])


def one_node(scenario: Scenario) -> bool:
    return scenario.nodes == 1


def two_disks(scenario: Scenario) -> bool:
    """Somebody follows, and its disk is not the only one."""
    return scenario.nodes > 2


def wipes(scenario: Scenario) -> bool:
    """Of disks."""
    return any(isinstance(step.action, actions.Wipe) for step in scenario.steps)


def snapshots_by_hand(scenario: Scenario) -> bool:
    return any(isinstance(step.action, actions.SnapshotTake) for step in scenario.steps)


def snapshots(scenario: Scenario) -> bool:
    return snapshots_by_hand(scenario) or bool(scenario.sim["snapshot_entries"])


def damages(scenario: Scenario) -> bool:
    """Of what disks hold."""
    return any(
        isinstance(step.action, actions.Disk) and step.action.kind == "rot"
        for step in scenario.steps
    )


def half_cuts(scenario: Scenario) -> bool:
    """For long, with nothing beside them."""
    steps = scenario.steps
    return bool(steps) and all(
        isinstance(step.action, actions.Partition)
        and (step.action.one_way or step.action.groups == ("minority",))
        for step in steps
    )


def evictions(scenario: Scenario) -> bool:
    """Of sessions, and snapshots that tell of them."""
    return snapshots(scenario) and int(scenario.sim["sessions_max"]) < SESSIONS_MAX


def bounds(scenario: Scenario) -> bool:
    """On what waits for a majority, that can be reached."""
    usual = Options()
    names = ("uncommitted_max", "uncommitted_bytes_max", "reads_max")
    return any(scenario.sim[name] != getattr(usual, name) for name in names)


def transfers(scenario: Scenario) -> bool:
    return any(isinstance(step.action, actions.Transfer) for step in scenario.steps)


def leases_and_transfers(scenario: Scenario) -> bool:
    return leases(scenario) and transfers(scenario)


def changes(scenario: Scenario) -> bool:
    """Of the members."""
    return any(isinstance(step.action, CHANGES) for step in scenario.steps)


def changes_and_snapshots(scenario: Scenario) -> bool:
    return changes(scenario) and snapshots(scenario)


def batches(scenario: Scenario) -> bool:
    return bool(scenario.sim["batches"])


def stale_reads(scenario: Scenario) -> bool:
    return bool(scenario.sim["stale_reads"])


CHANGES = (
    actions.MembersAdd
    | actions.MembersRemove
    | actions.MembersPromote
    | actions.MembersDemote
    | actions.MembersReplace
)
