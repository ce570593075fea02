"""recover, snapshot restore: a cluster that lost too much."""

from pathlib import Path
from typing import Annotated

import typer

from raftctl import completion
from raftctl.verbs import group, section


def add_to(app: typer.Typer) -> None:
    section(app, "Raft")(recover, "recover n3", "recover n1 n2 -y")
    snapshots = group(app, "snapshot", "Raft", "Take snapshots, look at them, go back to one.")
    section(snapshots, "Raft")(
        restore, "snapshot restore n1/snapshots/0000000000000500-3.snap", name="restore"
    )


def recover(
    context: typer.Context,
    selectors: Annotated[
        list[str],
        typer.Argument(
            metavar="SEL...", help="The nodes that are left.", autocompletion=completion.nodes
        ),
    ],
) -> int:
    """Go on with the nodes that are left, when the quorum is lost for good.

    They become the whole cluster, under a new id, with the log of the one whose log is most up to
    date. What of it was not known to be committed is committed by this; it is shown before.
    """
    from raftctl.cluster.recovering import recover as run

    return run(context.obj, selectors)


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .snap file of this cluster.")],
) -> int:
    """Take the whole cluster back to the state in a snapshot.

    All that came after it is gone. The cluster gets a new id, so that nothing of it comes back.
    """
    from raftctl.cluster.restoring import restore as run

    return run(context.obj, file)
