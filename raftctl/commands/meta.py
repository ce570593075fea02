"""config, schema, version: raftctl itself."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings


def add_to(app: typer.Typer) -> None:
    config = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Cluster files.")
    config.command("show", epilog="raftctl config show local5")(config_show)
    config.command("validate", epilog="raftctl config validate my.toml")(config_validate)
    config.command("init", epilog="raftctl config init my.toml")(config_init)
    config.command("path", epilog="raftctl config path")(config_path)
    app.add_typer(config, name="config")
    app.command("schema", epilog="raftctl schema status")(schema)
    app.command("version", epilog="raftctl version -o json")(version)


File = Annotated[str, typer.Argument(help="A cluster file, or local3, local5.")]


def _show(settings: Settings, name: str) -> None:
    from dataclasses import asdict

    from raftctl.cluster.configfile import load_config
    from raftctl.documents import Config

    loaded = load_config(name, [])
    values = asdict(loaded)
    source = values.pop("source")

    def lines() -> list[str]:
        shown = [f"# {source}"]
        for table, settings_of_it in values.items():
            shown.append(f"[{table}]")
            shown += [f"{key} = {json.dumps(value)}" for key, value in settings_of_it.items()]
        return shown

    settings.output.show(Config(source, values), lines)


def config_show(context: typer.Context, file: File = "local3") -> None:
    """Show all settings of a cluster file, defaults included."""
    _show(context.obj, file)


def config_validate(context: typer.Context, file: File) -> None:
    """Check a cluster file; exit 2 with the line when it is wrong."""
    settings: Settings = context.obj
    _show(settings, file)
    settings.output.note(f"{file} is valid")


def config_init(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file to write.")] = Path("cluster.toml"),
) -> None:
    """Write a cluster file to start from."""
    from importlib import resources

    settings: Settings = context.obj
    text = resources.files("configs").joinpath("local3.toml").read_text(encoding="utf-8")
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        raise CliError("E_EXISTS", f"{file} exists already", Exit.PRECONDITION) from None
    except OSError as error:
        raise CliError("E_CONFIG", f"cannot write {file}: {error.strerror}", Exit.USAGE) from error
    settings.output.note(f"wrote {file}; raftctl up --config {file}")


def config_path(context: typer.Context) -> None:
    """Show where raftctl keeps clusters, and where it looks for settings."""
    from raftctl.documents import Config
    from raftctl.settings import config_paths

    settings: Settings = context.obj
    paths = {"home": str(settings.home), "settings": [str(path) for path in config_paths()]}
    lines = [f"home      {settings.home}", *(f"settings  {path}" for path in config_paths())]
    settings.output.show(Config("paths", paths), lambda: lines)


def schema(
    kind: Annotated[str | None, typer.Argument(help="A document's kind; none lists them.")] = None,
) -> None:
    """Print the JSON Schema of a document."""
    from raftctl.documents import KINDS, json_schema

    if kind is None:
        sys.stdout.write("".join(f"{name}\n" for name in sorted(KINDS)))
        return
    if kind not in KINDS:
        raise CliError(
            "E_NO_SCHEMA", f"there is no document {kind!r}", Exit.NOT_FOUND, hint="raftctl schema"
        )
    sys.stdout.write(json.dumps(json_schema(kind), indent=2) + "\n")


def version(context: typer.Context) -> None:
    """Show the versions of raftctl, its protocol and Python."""
    import platform

    from node.wire.messages import PROTOCOL_VERSION
    from raftctl import __version__
    from raftctl.documents import Version

    settings: Settings = context.obj
    document = Version(__version__, PROTOCOL_VERSION, platform.python_version())
    line = f"raftctl {__version__}  protocol {PROTOCOL_VERSION}  python {document.python}"
    settings.output.show(document, lambda: [line])
