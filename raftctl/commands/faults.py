"""partition, net, heal, faults: break links between nodes, and mend what is broken."""

from typing import TYPE_CHECKING, Annotated

import typer

from raftctl import completion
from raftctl.commands.nodefaults import clock, disk
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings
from raftctl.values import node_id, seconds_above_0, usage
from raftctl.verbs import section

if TYPE_CHECKING:
    from raftctl.cluster.faultsfile import FaultSet

For = Annotated[str | None, typer.Option("--for", help="Heals itself after: 10s.")]
As = Annotated[str, typer.Option("--as", help="A name to heal it by.")]


def add_to(app: typer.Typer) -> None:
    add = section(app, "Faults")
    add(partition, "partition leader --for 10s", "partition 1,2 / rest", "partition --one-way 1:2")
    add(net, "net --link n1:n2 --latency 100ms+-20ms --drop 10%", "net show")
    add(disk, "disk n2 --slow 20ms --for 30s", "disk leader --full", "disk n3 --rot")
    add(clock, "clock n2 --rate 1.5 --for 10s", "clock leader --jump 300ms")
    add(heal, "heal", "heal 1", "heal n1:n2")
    add(faults, "faults -o json")


def partition(
    context: typer.Context,
    groups: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[GROUP / GROUP ...]", help="1,2 / 3,4,5", autocompletion=completion.nodes
        ),
    ] = None,
    halves: Annotated[bool, typer.Option("--halves", help="A majority and the rest.")] = False,
    ring: Annotated[bool, typer.Option("--ring", help="Each node sees two neighbours.")] = False,
    bridge: Annotated[
        str | None, typer.Option(help="Two halves that only this node joins.")
    ] = None,
    one_way: Annotated[list[str] | None, typer.Option(help="src:dst, only this direction.")] = None,
    duration: For = None,
    name: As = "",
) -> int:
    """Cut the cluster into groups. Replaces the partition before; unlisted nodes form one group."""
    from raftctl.cluster import partitions
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.injection import inject
    from raftctl.cluster.observation import observe

    settings: Settings = context.obj
    lifetime = _lifetime(duration)
    if name:
        partitions.check_fault_name(name)
    cluster = find_cluster(settings)
    seen = observe(cluster)
    plan = partitions.plan(seen, groups or [], halves, ring, bridge, one_way or [])
    return inject(settings, cluster, plan, name, lifetime, seen)


def net(
    context: typer.Context,
    show: Annotated[
        str | None, typer.Argument(metavar="[show]", help="The links in force.")
    ] = None,
    link: Annotated[list[str] | None, typer.Option(help="n1:n2, both are selectors.")] = None,
    delay: Annotated[str | None, typer.Option("--latency", help="100ms or 100ms+-20ms.")] = None,
    drop: Annotated[str, typer.Option(help="10%")] = "0%",
    duplicate: Annotated[str, typer.Option("--dup", help="2%")] = "0%",
    reorder: Annotated[str, typer.Option(help="5%")] = "0%",
    corrupt: Annotated[str, typer.Option(help="1%")] = "0%",
    rate: Annotated[str | None, typer.Option(help="64kB/s")] = None,
    only: Annotated[list[str] | None, typer.Option(help="A message type: AppendEntries.")] = None,
    duration: For = None,
    name: As = "",
) -> int:
    """Make links slow, lossy or strange."""
    from raftctl.cluster import partitions
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.injection import inject
    from raftctl.cluster.observation import observe

    if show is not None:
        if show != "show":
            raise usage(f"net {show}", "raftctl net show, or options: raftctl net --help")
        return faults(context)
    if not link:
        raise usage("which link?", "--link n1:n2, --link leader:rest")
    effects = partitions.link_effects(delay, drop, duplicate, reorder, corrupt, rate, only or [])
    lifetime = _lifetime(duration)
    if name:
        partitions.check_fault_name(name)
    settings: Settings = context.obj
    cluster = find_cluster(settings)
    seen = observe(cluster)
    plan = partitions.plan_links(seen, link, effects)
    return inject(settings, cluster, plan, name, lifetime, seen)


def _lifetime(duration: str | None) -> float | None:
    """How long a fault holds, in seconds; None: until it is healed."""
    return None if duration is None else seconds_above_0(duration, "--for")


def heal(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(help="A number, a name, src:dst, or all.", autocompletion=completion.faults),
    ] = "all",
) -> int:
    """End faults before their time; n1:n2 mends that link alone.

    Exit 8 when a running node could not be told.
    """
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.faultsfile import changing_faults
    from raftctl.cluster.injection import matching_faults, report_unreached
    from raftctl.faultdocs import Heal

    settings: Settings = context.obj
    cluster = find_cluster(settings)
    with changing_faults(cluster, discard_damage=what == "all") as current:
        link = link_of(what)
        eased = ease(current, *link) if link else set()
        gone = ended_by(current, eased) if link else matching_faults(current, what)
        current.remove(gone)
    remaining = len(current.faults)
    unreached = report_unreached(settings, current)
    parts = [f"{what} of #{number}" for number in sorted(eased - gone)]
    parts += [f"#{number}" for number in sorted(gone)]
    nothing = "nothing: there is no fault"
    if current.was_damaged:
        nothing = "all: faults.json was damaged and begins anew, the nodes have no faults now"
    names = " ".join(parts) or nothing
    settings.output.show(
        Heal(sorted(gone), sorted(eased - gone), remaining),
        lambda: [f"healed {names}; {remaining} left"],
    )
    return Exit.PARTIAL if unreached else Exit.OK


def link_of(text: str) -> tuple[int, int] | None:
    """The link that `n1:n2` means; None for what is no link. Raises CliError for half of one."""
    source, colon, target = text.partition(":")
    return (node_id(source), node_id(target)) if colon else None


def ease(current: "FaultSet", src: int, dst: int) -> set[int]:
    """Take one link out of the faults that hold there. Gives their numbers.

    Raises CliError when no fault holds there.
    """
    found = {rule.fault for rule in current.rules if (rule.src, rule.dst) == (src, dst)}
    if not found:
        message = f"there is no fault on n{src}:n{dst}"
        raise CliError("E_NO_FAULT", message, Exit.NOT_FOUND, hint="raftctl faults")
    current.rules = [rule for rule in current.rules if (rule.src, rule.dst) != (src, dst)]
    for fault in current.faults:
        if fault.id in found:
            joint = "," if " without " in fault.spec else " without "
            fault.spec += f"{joint}n{src}:n{dst}"
    return found


def ended_by(current: "FaultSet", eased: set[int]) -> set[int]:
    """Those of the faults that have no link left."""
    return eased - {rule.fault for rule in current.rules}


def faults(context: typer.Context) -> int:
    """List the faults in force, with how often they took effect."""
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.injection import fault_documents
    from raftctl.faultdocs import Faults
    from raftctl.output import table

    settings: Settings = context.obj
    cluster = find_cluster(settings)
    found = fault_documents(cluster)
    rows = [
        (
            f"#{each.id}",
            each.name or None,
            each.kind,
            f"{each.age_ms // 1000}s",
            "never" if each.expires_in_ms is None else f"in {each.expires_in_ms / 1000:.0f}s",
            each.hits,
            each.spec,
        )
        for each in found
    ]
    header = ("FAULT", "NAME", "KIND", "AGE", "HEALS", "HITS", "WHAT")
    settings.output.show(
        Faults(cluster.name, found), lambda: table(header, rows) if rows else ["no faults"]
    )
    return Exit.OK
