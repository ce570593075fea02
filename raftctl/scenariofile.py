"""A file with a scenario, read and written. What is wrong with it is one error, with its line."""

from collections.abc import Sequence
from pathlib import Path

from node.scenario.errors import ScenarioError
from node.scenario.parsing import TEXT_BYTES_MAX, parse
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
    except OSError as error:
        raise from_os_error(error) from error
    except UnicodeDecodeError as error:
        message = f"{path} is no text: {error.reason} at byte {error.start}"
        raise CliError("E_CONFIG", message, Exit.USAGE, hint="a plan is TOML") from error


def parse_scenario(text: str, source: str, changes: Sequence[str] = ()) -> Scenario:
    """As `read_scenario`, of a text that is there already. Raises CliError."""
    try:
        return parse(text, source, changes)
    except ScenarioError as error:
        raise CliError("E_CONFIG", str(error), Exit.USAGE, hint=error.hint) from error


def save_scenario(path: Path, text: str) -> None:
    """Write a scenario's text there. Raises CliError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise from_os_error(error) from error
