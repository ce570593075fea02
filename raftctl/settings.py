"""The options that every command knows, from flags, the environment and files, in that order."""

import os
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.output import MODES, Output
from raftctl.values import seconds

FILE_KEYS = ("cluster", "output", "timeout", "home")


@dataclass
class Settings:
    """Set once, before a command runs."""

    home: Path
    cluster: str | None
    timeout: float | None
    yes: bool
    output: Output


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
        timeout=None if limit is None else seconds(limit),
        yes=yes or bool(os.environ.get("RAFTCTL_YES")),
        output=Output(mode, quiet, verbose, not no_color, ascii_only),
    )


def config_paths() -> list[Path]:
    """Where settings are looked for, the stronger one first."""
    base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return [Path("raftctl.toml"), base / "raftctl" / "raftctl.toml"]


def _files() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in reversed(config_paths()):
        if not path.is_file():
            continue
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise CliError("E_CONFIG", f"{path}: {error}", Exit.USAGE) from error
        for key, value in values.items():
            if key not in FILE_KEYS:
                raise CliError(
                    "E_CONFIG",
                    f"{path}: unknown key {key}",
                    Exit.USAGE,
                    hint=f"the keys are {', '.join(FILE_KEYS)}",
                )
            found[key] = str(value)
    return found


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
