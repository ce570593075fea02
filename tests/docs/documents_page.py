"""docs/reference/documents.md, made from the dataclasses that `raftctl schema` is made from."""

import ast
import dataclasses
import inspect
import textwrap
import types
import typing
from collections.abc import Iterator
from typing import Any

from raftctl.documents import KINDS

INTRODUCTION = """\
# JSON documents

With `-o json` a command prints one document on one line, indented on a terminal; with `-o jsonl`
those that come one after the other, such as events, are a line each. An error is a document too, on
stderr.

Each document has `schema` beside the fields below: `raftctl.<kind>/v1`. Unknown is null. Durations
end in `_ms`, sizes in `_bytes`, times are RFC 3339 in UTC. Nodes are named as in `n3`. Changes only
ever add fields, so ignore those that you do not know. `raftctl schema KIND` prints the JSON Schema,
and this page is made from the same source.
"""
PRINTED_BY = {
    "status": "status", "up": "up", "up-plan": "up --dry-run", "down": "down", "ls": "ls",
    "wait": "wait", "env": "env", "doctor": "doctor", "prune": "prune",
    "action": "start, stop, kill, restart, pause, resume, wipe, disk, clock",
    "line": "logs -o jsonl", "faults": "faults, net show",
    "injected": "partition, net, disk, clock", "heal": "heal", "put": "put",
    "get": "get", "del": "del", "cas": "cas", "scan": "scan", "change": "watch -o jsonl",
    "propose": "propose", "transfer": "transfer", "event": "events -o jsonl", "log": "log show",
    "bench": "bench", "bench-second": "bench -o jsonl", "config": "config show, config validate",
    "written": "config init",
    "members": "members ls", "snapshots": "snapshot ls", "snapshot-take": "snapshot take",
    "member-change": "members add, members promote, members demote, members remove, "
    "members replace",
    "snapshot-inspect": "snapshot inspect", "snapshot-auto": "snapshot auto",
    "log-entry": "log show -o jsonl", "log-diff": "log diff", "log-verify": "log verify",
    "recover": "recover",
    "restore": "snapshot restore", "sim-run": "sim run", "sim-replay": "sim replay",
    "sim-shrink": "sim shrink", "sim-bench": "sim bench", "chaos-run": "chaos run, chaos report",
    "chaos-plan": "chaos run -o jsonl", "chaos-step": "chaos run -o jsonl",
    "chaos-leader": "chaos run -o jsonl", "chaos-second": "chaos run -o jsonl",
    "chaos-phase": "chaos run -o jsonl",
    "chaos-runs": "chaos ls", "chaos-scenario": "chaos show, chaos random",
    "chaos-shrink": "chaos shrink", "chaos-record": "chaos record", "check": "check",
    "runs": "runs ls", "run-show": "runs show", "run-export": "runs export", "run-rm": "runs rm",
    "kinds": "schema", "version": "version",
    "error": "any verb that fails, on stderr",
}  # fmt: skip


def documents_page() -> str:
    """The whole page."""
    assert PRINTED_BY.keys() == KINDS.keys(), "say which verb prints each kind of document"
    lines = [INTRODUCTION]
    shown: dict[type[Any], str] = {}
    for kind, document in KINDS.items():
        verbs = ", ".join(f"`{verb}`" for verb in PRINTED_BY[kind].split(", "))
        if kind == "error":
            verbs = PRINTED_BY[kind]
        lines += [f"## {kind}", "", f"Printed by {verbs}.", "", *_table(document, kind, shown)]
    return "\n".join(lines).rstrip() + "\n"


def _table(document: type[Any], kind: str, shown: dict[type[Any], str]) -> Iterator[str]:
    yield from ["| field | type | |", "|---|---|---|"]
    yield from _rows(document, "", kind, shown)
    yield ""


def _rows(
    document: type[Any], prefix: str, kind: str, shown: dict[type[Any], str]
) -> Iterator[str]:
    """A row for each field; what lies in one follows it, or is where it was shown already."""
    hints = typing.get_type_hints(document, include_extras=True)
    notes = _notes(document)
    for field in dataclasses.fields(document):
        name = f"{prefix}{field.name}"
        annotation = hints[field.name]
        is_list = typing.get_origin(annotation) is list
        inner: type[Any] = typing.get_args(annotation)[0] if is_list else annotation
        note = notes.get(field.name, "")
        if inner in shown:
            note = f"{note} As in [{shown[inner]}](#{shown[inner]}).".strip()
        yield f"| `{name}` | {_type_text(annotation)} | {note} |".replace("|  |", "| |")
        if inner not in shown and dataclasses.is_dataclass(inner):
            shown[inner] = kind
            yield from _rows(inner, f"{name}[]." if is_list else f"{name}.", kind, shown)


def _type_text(annotation: Any) -> str:
    names = {str: "text", int: "integer", float: "number", bool: "boolean", type(None): "null"}
    if annotation in names:
        return names[annotation]
    arguments = typing.get_args(annotation)
    match typing.get_origin(annotation):
        case typing.Annotated:
            return _type_text(annotation.__metadata__[0])
        case typing.Literal:
            return ", ".join(f"`{each}`" for each in arguments)
        case types.UnionType | typing.Union:
            return " or ".join(_type_text(each) for each in arguments)
        case origin if origin is list:
            return f"array of {_plural(arguments[0])}"
        case _:
            return "object"


def _plural(annotation: Any) -> str:
    names = {str: "texts", int: "integers"}
    return names.get(annotation, "objects")


def _notes(document: type[Any]) -> dict[str, str]:
    """The text below each field, which Python does not keep."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(document))).body
    assert isinstance(body, ast.ClassDef)
    notes = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                notes[name] = " ".join(text.split())
    return notes
