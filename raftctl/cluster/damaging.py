"""Damage to what a stopped node holds, as a disk would do it."""

import random

from node.scenario.actions import Disk
from raftctl.cluster.acting import Deed, Done, act_on_each
from raftctl.cluster.directory import Cluster
from raftctl.cluster.processes import NodeProcess
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings


def damage(settings: Settings, action: Disk) -> int:
    """Flip a bit, or cut off the end of what was written last. Asks first: it is for good."""
    from node.storage.base import StorageError
    from node.storage.damage import rot, truncate
    from node.storage.renewal import data_folder

    harm = rot if action.kind == "rot" else truncate

    def act(cluster: Cluster, process: NodeProcess) -> Done:
        with process.hold():
            data = data_folder(process.folder, cluster.spec.cluster_id)
            try:
                what = harm(data, random.Random())
            except FileNotFoundError as error:
                message = f"{process.name} has no database"
                hint = f"{cluster.line} members replace {process.name}"
                raise CliError("E_NO_DATA", message, Exit.NOT_FOUND, hint=hint) from error
            except StorageError as error:
                hint = f"{cluster.line} log verify {process.name}"
                raise CliError("E_DAMAGED", str(error), Exit.CHECK_FAILED, hint=hint) from error
        instead = f"{cluster.line} members replace {process.name}"
        return Done(f"{what}, for good; a new node instead: {instead}")

    question = f"damage the data of {' '.join(action.nodes)}"
    deed = Deed(action.verb, act, check=_check_stopped, question=question)
    return act_on_each(settings, action.nodes, deed)


def _check_stopped(cluster: Cluster, process: NodeProcess) -> None:
    """Raises CliError for a node that runs, before anybody is asked about its data."""
    with process.hold():
        return
