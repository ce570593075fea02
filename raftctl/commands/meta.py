"""config, schema, version, help: raftctl itself."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from raftctl import completion
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings
from raftctl.values import usage
from raftctl.verbs import group, section


def add_to(app: typer.Typer) -> None:
    config = section(group(app, "config", "Raftctl", "Cluster files, and where things lie."), "")
    config(config_show, "config show local5", name="show")
    config(config_validate, "config validate my.toml", name="validate")
    config(config_init, "config init my.toml", name="init")
    config(config_path, "config path", name="path")
    add = section(app, "Raftctl")
    add(schema, "schema", "schema status")
    add(version, "version -o json")
    add(show_help, "help", "help partition", "help log show", name="help")


File = Annotated[str, typer.Argument(help="A cluster file, or local3, local5.")]


def _show(settings: Settings, name: str) -> None:
    from raftctl.cluster.configfile import load_config
    from raftctl.metadocs import Config

    loaded = load_config(name, [])

    def lines() -> list[str]:
        shown = [f"# {loaded.source}"]
        for table, settings_of_it in loaded.tables.items():
            shown.append(f"[{table}]")
            shown += [f"{key} = {json.dumps(value)}" for key, value in settings_of_it.items()]
        return shown

    settings.output.show(Config(loaded.source, loaded.tables), lines)


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

    from raftctl.metadocs import Written

    settings: Settings = context.obj
    text = resources.files("configs").joinpath("local3.toml").read_text(encoding="utf-8")
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        raise CliError("E_EXISTS", f"{file} exists already", Exit.PRECONDITION) from None
    except OSError as error:
        raise CliError("E_CONFIG", f"cannot write {file}: {error.strerror}", Exit.USAGE) from error
    settings.output.show(Written(str(file)), lambda: [f"wrote {file}"])
    settings.output.note(f"Next: raftctl up --config {file}")


def config_path(context: typer.Context) -> None:
    """Show where clusters and settings lie."""
    from raftctl.metadocs import Config
    from raftctl.settings import config_paths

    settings: Settings = context.obj
    paths = {"home": str(settings.home), "settings": [str(path) for path in config_paths()]}
    lines = [f"home      {settings.home}", *(f"settings  {path}" for path in config_paths())]
    settings.output.show(Config("paths", paths), lambda: lines)


def schema(
    context: typer.Context,
    kind: Annotated[
        str | None,
        typer.Argument(help="A document's kind; none lists them.", autocompletion=completion.kinds),
    ] = None,
) -> None:
    """Print the JSON Schema of a document."""
    from raftctl.documents import KINDS
    from raftctl.metadocs import Kinds
    from raftctl.schemas import json_schema

    settings: Settings = context.obj
    if kind is None:
        names = sorted(KINDS)
        settings.output.show(Kinds(names), lambda: names)
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
    from raftctl.metadocs import Version

    settings: Settings = context.obj
    document = Version(__version__, PROTOCOL_VERSION, platform.python_version())
    line = f"raftctl {__version__}  protocol {PROTOCOL_VERSION}  python {document.python}"
    settings.output.show(document, lambda: [line])


def show_help(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[VERB]", help="Of which verb; none: all.", autocompletion=completion.verbs
        ),
    ] = None,
) -> None:
    """Show the help of a verb, as its --help does."""
    here: Any = context.find_root()
    for word in words or []:
        verb = getattr(here.command, "commands", {}).get(word)
        if verb is None:
            raise usage(
                f"there is no verb {' '.join(words or [])!r}", f"{here.command_path} --help"
            )
        here = verb.make_context(word, [], parent=here, resilient_parsing=True)
    typer.echo(here.get_help())
