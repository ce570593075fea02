"""The scenarios that ship with raftctl: `configs/chaos/*.toml`."""

import difflib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from node.scenario.scenario import Scenario
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.scenariofile import parse_scenario, read_scenario

SUFFIX = ".toml"


def preset_names() -> list[str]:
    """Of all that ship, sorted."""
    folder = resources.files("configs").joinpath("chaos")
    return sorted(
        each.name.removesuffix(SUFFIX) for each in folder.iterdir() if each.name.endswith(SUFFIX)
    )


def preset_text(name: str) -> str:
    """The file of one of them."""
    return resources.files("configs").joinpath("chaos", name + SUFFIX).read_text(encoding="utf-8")


def find_scenario(what: str, changes: Sequence[str] = ()) -> Scenario:
    """The scenario in a file, or one that ships. Raises CliError (exit 9: neither)."""
    path = Path(what)
    if path.suffix == SUFFIX or path.is_file():
        return read_scenario(path, changes)
    names = preset_names()
    if what in names:
        return parse_scenario(preset_text(what), f"{what}{SUFFIX}", changes)
    near = difflib.get_close_matches(what, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "raftctl chaos ls has those that ship"
    message = f"{what} is neither a file nor a scenario that ships with raftctl"
    raise CliError("E_NO_FILE", message, Exit.NOT_FOUND, hint=hint)


def scenario_text(what: str) -> str:
    """The text of what `find_scenario` found."""
    names = preset_names()
    return preset_text(what) if what in names else Path(what).read_text(encoding="utf-8")


def preset_about(name: str) -> str:
    """What one of them is about, in a sentence."""
    return parse_scenario(preset_text(name), name).about
