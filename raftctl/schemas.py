"""The JSON Schema of each document, derived from its dataclass."""

import dataclasses
import types
import typing
from typing import Any

from raftctl.documents import KINDS


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of one kind of document."""
    schema = _object_schema(KINDS[kind])
    schema["properties"] = {
        "schema": {"const": f"raftctl.{kind}/v1"},
        **schema["properties"],
    }
    schema["required"] = ["schema", *schema["required"]]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": kind, **schema}


_SIMPLE: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    types.NoneType: {"type": "null"},
    Any: {},
}


def _object_schema(kind: type[Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind, include_extras=True)
    names = [each.name for each in dataclasses.fields(kind)]
    return {
        "type": "object",
        "properties": {name: _schema_of(hints[name]) for name in names},
        "required": names,
        "additionalProperties": True,  # changes only ever add
    }


def _schema_of(annotation: Any) -> dict[str, Any]:  # noqa: ANN401 - a type
    if annotation in _SIMPLE:
        return dict(_SIMPLE[annotation])
    arguments = typing.get_args(annotation)
    match typing.get_origin(annotation):
        case typing.Annotated:
            return _schema_of(annotation.__metadata__[0])
        case typing.Literal:
            return {"enum": list(arguments)}
        case types.UnionType | typing.Union:
            return {"anyOf": [_schema_of(each) for each in arguments]}
        case origin if origin is list:
            return {"type": "array", "items": _schema_of(arguments[0])}
        case origin if origin is dict:
            return {"type": "object", "additionalProperties": _schema_of(arguments[1])}
        case _:
            return _object_schema(annotation)
