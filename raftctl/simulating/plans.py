"""What is to be replayed or shrunk: a seed, or a file with a plan."""

from pathlib import Path

from node.scenario.actions import Kill, MembersAdd
from node.scenario.errors import ScenarioError
from node.scenario.parsing import placed
from node.scenario.scenario import Expect, Scenario, Workload
from node.sim.options import FormatError, OptionError
from node.sim.planning import plan
from node.sim.simulation import check_workload, options_of, rules_of
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.scenariofile import read_scenario
from raftctl.simulating.seeds import SEED_MAX

SEED_DIGITS_MAX = len(str(SEED_MAX))
SHOWN_LENGTH_MAX = 80
"""Of what somebody typed, in a message."""


def read_plan(text: str) -> Scenario:
    """The plan of the seed or the file that `text` names. Raises CliError."""
    is_number = text.isascii() and text.isdigit()
    if is_number and len(text) <= SEED_DIGITS_MAX and int(text) <= SEED_MAX:
        return plan(int(text))
    path = Path(text)
    if not _is_file(path):
        hint = "raftctl sim replay 7, or a plan that sim shrink wrote"
        message = f"{_shown(text)} is neither a seed nor a file"
        raise CliError("E_NO_FILE", message, Exit.NOT_FOUND, hint=hint)
    return checked(read_scenario(path), path, text)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file can have
        return False


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN_LENGTH_MAX else f"{text[:SHOWN_LENGTH_MAX]}..."


def checked(scenario: Scenario, path: Path, source: str) -> Scenario:
    """Itself. Raises CliError for one whose world this version cannot make, or whose rules it does
    not know.
    """
    try:
        check_workload(scenario)
        options_of(scenario)
        rules_of(scenario)
    except FormatError as error:
        text = path.read_text(encoding="utf-8")
        message = str(placed(ScenarioError(str(error), "", "sim.format"), text, source))
        hint = "the version that wrote it replays it; without format this one tries"
        raise CliError("E_CONFIG", message, Exit.USAGE, hint=hint) from error
    except OptionError as error:
        hint = "[sim] holds the world of the run; raftctl sim shrink writes it"
        raise CliError("E_CONFIG", f"{source}: {error}", Exit.USAGE, hint=hint) from error
    return scenario


def unheeded(scenario: Scenario) -> list[str]:
    """What the scenario asks for and no simulated run looks at."""
    expect = scenario.expect
    names = [f"expect.{name}" for name in expect.steps]
    if expect.linearizable != Expect().linearizable:
        names.append("expect.linearizable")
    if scenario.workload.ops_per_key != Workload().ops_per_key:
        names.append("workload.ops-per-key")
    if expect.converge_within_us is not None:
        names.append("expect.converge-within")
    return [*names, *unheeded_options(scenario)]


def unheeded_options(scenario: Scenario) -> list[str]:
    """Of the lines of its steps."""
    found: dict[str, None] = {}
    drawable = [action for action, _ in scenario.random.faults] if scenario.random else []
    for action in [*(step.action for step in scenario.steps), *drawable]:
        match action:
            case MembersAdd(priority=priority) if priority != MembersAdd().priority:
                found["members add --priority"] = None
            case Kill() if action.options():
                found["kill --signal"] = None
    return list(found)
