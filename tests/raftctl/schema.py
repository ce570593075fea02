"""As much of JSON Schema as the derived schemas use."""

from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}


def violations(value: Any, schema: dict[str, Any], where: str = "$") -> list[str]:
    """What of `value` does not fit; empty when all does."""
    if "const" in schema:
        return [] if value == schema["const"] else [f"{where} is {value!r}"]
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{where} is {value!r}"]
    if "anyOf" in schema:
        options = [violations(value, each, where) for each in schema["anyOf"]]
        return [] if any(not found for found in options) else min(options, key=len)
    expected = schema.get("type")
    if expected is None:
        return []
    is_bool = isinstance(value, bool)
    if not isinstance(value, _TYPES[expected]) or (is_bool and expected != "boolean"):
        return [f"{where} is {value!r}, not {expected}"]
    return _inside(value, expected, schema, where)


def _inside(value: Any, expected: str, schema: dict[str, Any], where: str) -> list[str]:
    found: list[str] = []
    if expected == "array":
        for position, item in enumerate(value):
            found += violations(item, schema["items"], f"{where}[{position}]")
    if expected == "object":
        found += [
            f"{where}.{name} is missing" for name in schema.get("required", []) if name not in value
        ]
        properties = schema.get("properties", {})
        extra = schema.get("additionalProperties", {})
        for name, item in value.items():
            part = properties.get(name, extra if isinstance(extra, dict) else {})
            found += violations(item, part, f"{where}.{name}")
    return found
