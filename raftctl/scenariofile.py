"""A file with a scenario, read and written. What is wrong with it is one error, with its line."""

from collections.abc import Sequence
from pathlib import Path

from node.scenario.errors import ScenarioError
from node.scenario.parsing import TEXT_BYTES_MAX, parse, placed
from node.scenario.scenario import Scenario
from raftctl.errors import CliError, from_os_error
from raftctl.exit_codes import Exit


def read_scenario(path: Path, changes: Sequence[str] = ()) -> Scenario:
    """The scenario in a file, changed as in `workload.rate=200/s`. Raises CliError."""
    try:
        with path.open("rb") as file:
            data = file.read(TEXT_BYTES_MAX + 1)
        if not data.strip():
            message = f"{path} is empty"
            raise CliError("E_CONFIG", message, Exit.USAGE, hint="a plan has something in it")
        return parse_scenario(data.decode(), str(path), changes)
    except FileNotFoundError as error:
        message = f"there is no file {path}"
        hint = "raftctl chaos ls has the scenarios that ship"
        raise CliError("E_NO_FILE", message, Exit.NOT_FOUND, hint=hint) from error
    except OSError as error:
        raise from_os_error(error) from error
    except UnicodeDecodeError as error:
        message = f"{path} is no text: {error.reason} at byte {error.start}"
        raise CliError("E_CONFIG", message, Exit.USAGE, hint="a plan is TOML") from error


def parse_scenario(text: str, source: str, changes: Sequence[str] = ()) -> Scenario:
    """As `read_scenario`, of a text that is there already. Raises CliError."""
    try:
        scenario = parse(text, source, changes)
        try:
            _check_known(scenario)
        except ScenarioError as error:
            raise placed(error, text, source) from error
    except ScenarioError as error:
        raise CliError("E_CONFIG", str(error), Exit.USAGE, hint=error.hint) from error
    return scenario


def _check_known(scenario: Scenario) -> None:
    """Whether the rules and the options that it names are there. Raises ScenarioError."""
    if isinstance(scenario.expect.invariants, tuple):
        from node.verify.invariants import asked_for

        try:
            asked_for(scenario.expect.invariants)
        except LookupError as error:
            hint = 'all, none, or a list like ["log_matching"]'
            raise ScenarioError(
                f"expect.invariants: {error.args[0]}", hint, "expect.invariants"
            ) from error
    if scenario.sim:
        from node.sim.options import OptionError, check_options

        for name, value in scenario.sim.items():
            try:
                check_options({name: value})
            except OptionError as error:
                raise ScenarioError(f"sim: {error}", "", f"sim.{name}") from error


def save_scenario(path: Path, text: str) -> None:
    """Write a scenario's text there. Raises CliError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise from_os_error(error) from error
