"""The options that every command knows, from flags, the environment and files, in that order."""

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.output import MODES, Output
from raftctl.values import seconds_above_0

FILE_KEYS: dict[str, tuple[type, ...]] = {
    "cluster": (str,),
    "output": (str,),
    "timeout": (str, int, float),
    "home": (str,),
}
YES_WORDS = ("1", "true", "yes", "on")


@dataclass
class Settings:
    """Set once, before a command runs. `timeout` in seconds, above 0.

    `is_home_flag`: the home was named on the command line, so hints have to name it too.
    """

    home: Path
    cluster: str | None
    timeout: float | None
    yes: bool
    output: Output
    is_home_flag: bool = False


def user_home() -> Path:
    """The platform's folder for a user's data, with a folder for raftctl in it."""
    from platformdirs import user_data_path

    return user_data_path("raftctl", appauthor=False)


def make_settings(
    cluster: str | None,
    output: str | None,
    timeout: str | None,
    home: Path | None,
    *,
    quiet: bool,
    verbose: bool,
    no_color: bool,
    ascii_only: bool,
    yes: bool,
) -> Settings:
    """Flags beat RAFTCTL_* variables, which beat ./raftctl.toml, which beats the user's config."""
    files = _files()

    def pick(name: str, flag: str | None) -> str | None:
        return flag or os.environ.get(f"RAFTCTL_{name.upper()}") or files.get(name)

    mode = pick("output", output) or "text"
    if mode not in MODES:
        raise CliError(
            "E_USAGE", f"{mode!r} is not an output", Exit.USAGE, hint=f"one of {', '.join(MODES)}"
        )
    chosen_home = pick("home", None if home is None else str(home))
    limit = pick("timeout", timeout)
    return Settings(
        home=Path(chosen_home) if chosen_home else user_home(),
        cluster=pick("cluster", cluster),
        timeout=None if limit is None else seconds_above_0(limit, "--timeout"),
        yes=yes or os.environ.get("RAFTCTL_YES", "").strip().lower() in YES_WORDS,
        output=Output(mode, quiet, verbose, not no_color, ascii_only),
        is_home_flag=home is not None,
    )


_SHORT = r"(?s)-([fhqvwy]*)(o(.*))?"
"""Flags in one word, and the output at its end: -q, -vy, -o, -ojson, -qojson."""


def output_for_errors(arguments: Sequence[str]) -> Output:
    """The output that these arguments ask for, for an error that may be in themselves.

    Read without the parser, and never an error of its own.
    """
    mode, flags = "", set[str]()
    words = iter(arguments)
    for word in words:
        if word == "--":
            break
        if word.startswith("--"):
            name, _, value = word.partition("=")
            flags.add(name)
            if name == "--output":
                mode = value or next(words, "")
        elif short := re.fullmatch(_SHORT, word):
            flags.update(f"-{letter}" for letter in short[1])
            if short[2]:
                mode = short[3] or next(words, "")
    try:
        mode = mode or os.environ.get("RAFTCTL_OUTPUT") or _files().get("output", "text")
    except (CliError, OSError, RuntimeError):  # the last where nobody has a home folder
        mode = "text"
    return Output(
        mode if mode in MODES else "text",
        quiet=bool(flags & {"-q", "--quiet"}),
        verbose=bool(flags & {"-v", "--verbose"}),
        color="--no-color" not in flags,
        ascii_only="--ascii" in flags,
    )


def config_paths() -> list[Path]:
    """Where settings are looked for, the stronger one first."""
    base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return [Path("raftctl.toml"), base / "raftctl" / "raftctl.toml"]


def _files() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in reversed(config_paths()):
        if path.is_file():
            found |= _file(path)
    return found


def _file(path: Path) -> dict[str, str]:
    """The settings of one file. Raises CliError naming the line of what is wrong."""
    import tomllib

    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise CliError("E_CONFIG", f"{path} is not UTF-8: {error.reason}", Exit.USAGE) from error
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
        raise CliError("E_CONFIG", message, Exit.USAGE) from error
    except tomllib.TOMLDecodeError as error:
        raise CliError("E_CONFIG", f"{path}: {error}", Exit.USAGE) from error
    for key, value in values.items():
        kinds = FILE_KEYS.get(key)
        if kinds is None:
            raise _wrong(path, text, key, f"unknown key {key}", _nearest(key))
        if isinstance(value, bool) or not isinstance(value, kinds):
            example = 'timeout = "10s"' if key == "timeout" else f'{key} = "..."'
            raise _wrong(path, text, key, f"{key} has to be a text, not {value!r}", example)
    return {key: str(value) for key, value in values.items()}


def _wrong(path: Path, text: str, key: str, message: str, hint: str) -> CliError:
    from node.scenario.tomllines import line_of

    line = line_of(text, key)
    where = f"{path}:{line}" if line else str(path)
    return CliError("E_CONFIG", f"{where}: {message}", Exit.USAGE, hint=hint)


def _nearest(key: str) -> str:
    import difflib

    near = difflib.get_close_matches(key, FILE_KEYS, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"the keys are {', '.join(FILE_KEYS)}"


def confirm(settings: Settings, what: str) -> None:
    """Ask before something that cannot be undone; without a terminal, `-y` must be given."""
    if settings.yes:
        return
    if not sys.stdin.isatty():
        raise CliError("E_CONFIRM", f"{what}: not without being asked", Exit.USAGE, hint="add -y")
    sys.stderr.write(f"{what}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CliError("E_CONFIRM", "not confirmed, nothing done", Exit.USAGE)


def confirm_by_name(settings: Settings, what: str, name: str) -> None:
    """As `confirm`, for what takes the work of others: `name` has to be typed."""
    if settings.yes:
        return
    if not sys.stdin.isatty():
        raise CliError("E_CONFIRM", f"{what}: not without being asked", Exit.USAGE, hint="add -y")
    sys.stderr.write(f"{what}?\nType {name} to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != name:
        raise CliError("E_CONFIRM", "not confirmed, nothing done", Exit.USAGE)
