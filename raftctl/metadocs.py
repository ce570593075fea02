"""The documents of raftctl itself."""

from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["none", "unknown"]


@dataclass
class Config:
    source: str
    settings: dict[str, Any]


@dataclass
class Written:
    """The answer of config init."""

    path: str


@dataclass
class Kinds:
    """The kinds of documents that raftctl prints."""

    kinds: list[str]


@dataclass
class Version:
    version: str
    protocol: int
    python: str


@dataclass
class Error:
    code: str
    exit: int
    message: str
    hint: str | None
    cause: str | None
    retryable: bool
    outcome: Outcome
    details: dict[str, Any]
