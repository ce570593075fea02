"""A document as JSON."""

import dataclasses
import re
from typing import Any


def kind_of(document_type: type[Any]) -> str:
    """How a document is called in its schema: UpPlan is up-plan."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", document_type.__name__).lower()


def to_json(document: Any) -> dict[str, Any]:  # noqa: ANN401 - any of KINDS
    """The document as it is printed, its schema's name first."""
    return {"schema": f"raftctl.{kind_of(type(document))}/v1", **dataclasses.asdict(document)}
