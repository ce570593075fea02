"""members ls, add, promote, demote, remove, replace: who belongs to the cluster."""

from typing import TYPE_CHECKING, Annotated

import typer

from raftctl import completion
from raftctl.commands.arguments import selection
from raftctl.exit_codes import Exit
from raftctl.settings import Settings
from raftctl.values import node_id as parse_node_id
from raftctl.verbs import group, section

if TYPE_CHECKING:
    from raftctl.cluster.membership import Request

CHANGE_SECONDS = 30.0
Selectors = Annotated[list[str], selection("n4, lagging, leader", "SEL...")]
Priority = Annotated[
    int, typer.Option(min=0, max=100, help="Below 100 others are elected first, if they can be.")
]


def add_to(app: typer.Typer) -> None:
    members = group(app, "members", "Raft", "Who belongs to the cluster, and changes of that.")
    add = section(members, "Raft")
    add(members_ls, "members ls", "members ls -o wide", name="ls")
    add(members_add, "members add", "members add n7 --learner", name="add")
    add(members_promote, "members promote n4", name="promote")
    add(members_demote, "members demote n4", name="demote")
    add(members_remove, "members remove n4", "members remove n4 n5", name="remove")
    add(members_replace, "members replace n3", "members replace n3 n4", name="replace")


def members_ls(context: typer.Context) -> int:
    """List the members: who votes, how far each is, when it was heard last."""
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.memberlist import list_members, members_lines

    settings: Settings = context.obj
    output = settings.output
    cluster = find_cluster(settings)
    with output.patience("asking the nodes"):
        document, status = list_members(cluster, settings.timeout or 1.0)
    output.show(document, lambda: members_lines(document, status, output))
    return Exit.NOT_RUNNING if status.health == "down" else Exit.OK


def members_add(
    context: typer.Context,
    node: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="n4; none: the next that is free.")
    ] = None,
    learner: Annotated[
        bool, typer.Option("--learner", help="Without a vote, until it is promoted.")
    ] = False,
    priority: Priority = 100,
) -> None:
    """Add a new node. Returns once it votes.

    It gets everything first, as a learner without a vote, and its vote as soon as it keeps up: so
    it never holds up the others. Exit 4 when that takes longer than --timeout; it goes on then.
    """
    from raftctl.cluster import membership
    from raftctl.cluster.joining import Newcomer

    newcomer = Newcomer(None if node is None else parse_node_id(node), priority, not learner)
    membership.add(_request(context), newcomer)


def members_promote(context: typer.Context, selectors: Selectors) -> None:
    """Give learners a vote. Exit 6 for one that is too far behind."""
    from raftctl.cluster import membership

    membership.promote(_request(context), selectors)


def members_demote(context: typer.Context, selectors: Selectors) -> None:
    """Make learners of voters: they get everything, and count in no majority."""
    from raftctl.cluster import membership

    membership.demote(_request(context), selectors)


def members_remove(context: typer.Context, selectors: Selectors) -> None:
    """Remove nodes, dead ones too, all in one change.

    A leader among them hands over first. Once that is committed the nodes are stopped. Their
    folders stay until raftctl prune; their ids are not given again. Refused with exit 5 when too
    few of the voters that stay are alive; -y does it all the same.
    """
    from raftctl.cluster import membership

    membership.remove(_request(context), selectors)


def members_replace(
    context: typer.Context,
    old: Annotated[str, typer.Argument(metavar="OLD", help="n3", autocompletion=completion.nodes)],
    new: Annotated[
        str | None, typer.Argument(metavar="[NEW]", help="n4; none: the next that is free.")
    ] = None,
) -> None:
    """Put a new node in the place of an old one, which may be dead or wiped.

    The new one gets everything first; then one change gives it the old one's vote.
    """
    from raftctl.cluster import membership

    membership.replace(_request(context), old, None if new is None else parse_node_id(new))


def _request(context: typer.Context) -> "Request":
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.membership import Request

    settings: Settings = context.obj
    cluster = find_cluster(settings)
    _ = cluster.spec  # a damaged one ends here
    return Request(settings, cluster, settings.timeout or CHANGE_SECONDS)
