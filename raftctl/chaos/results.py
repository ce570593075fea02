"""`result.json`: what a run came to, written and read."""

import json
import platform
from importlib.metadata import version

from raftctl.chaos.folders import RunFolder
from raftctl.chaosdocs import ChaosCheck, ChaosFault, ChaosLatency, ChaosRun
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.jsonform import to_json


def versions() -> dict[str, str]:
    """What ran."""
    return {"raftctl": version("raftctl"), "python": platform.python_version()}


def write_result(run: ChaosRun, folder: RunFolder) -> None:
    """Raises OSError."""
    text = json.dumps(to_json(run), indent=2, ensure_ascii=False)
    folder.result.write_text(text + "\n", encoding="utf-8")


def read_result(folder: RunFolder) -> ChaosRun:
    """The inverse. Raises CliError for what is no result of this version."""
    found = folder.document()
    schema = found.pop("schema", None)
    try:
        if schema != "raftctl.chaos-run/v1":
            raise TypeError(f"it is a {schema!r}")
        checks = [ChaosCheck(**each) for each in found.pop("checks")]
        faults = [ChaosFault(**each) for each in found.pop("faults")]
        latency = ChaosLatency(**found.pop("latency"))
        return ChaosRun(**found, checks=checks, faults=faults, latency=latency)
    except (TypeError, KeyError) as error:
        message = f"{folder.result} is no result that this version reads: {error}"
        raise CliError("E_RUN", message, Exit.USAGE, hint="the raftctl that wrote it") from error
