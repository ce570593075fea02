"""Ending what a command that was killed had begun: new data of nodes that lies aside.

`node.storage.renewal` says what that is. A node that starts does the same for itself.
"""

import re
from pathlib import Path

from raftctl.cluster.processes import NodeProcess
from raftctl.errors import CliError
from raftctl.exit_codes import Exit


def unsettled(folder: Path) -> list[int]:
    """The nodes with data that lies aside."""
    found = {each.parent.name for each in folder.glob("n*/next-*")}
    return sorted(int(name[1:]) for name in found if re.fullmatch(r"n[1-9]\d*", name))


def settle(folder: Path) -> None:
    """Put in its place what belongs to the cluster of `cluster.json`, and remove what does not.

    To be called by whoever may change the cluster. Raises CliError when the disk does not let it.
    """
    waiting = unsettled(folder)
    if not waiting:
        return
    from node.config import ConfigError, load_cluster
    from node.storage.base import StorageError
    from node.storage.renewal import adopt, discard

    try:
        cluster_id = load_cluster(folder).cluster_id
    except ConfigError:
        return  # nobody knows whose it is
    for node_id in waiting:
        process = NodeProcess(folder, node_id)
        try:
            discard(process.folder, cluster_id)
            if not process.is_running:  # else it has done so itself
                with process.hold():
                    adopt(process.folder, cluster_id)
        except StorageError as error:
            raise CliError(
                "E_HOME",
                f"cannot put the data of {process.name} in its place: {error}",
                Exit.UNEXPECTED,
                hint="make room, or mend the permissions, and run the command again",
            ) from error
