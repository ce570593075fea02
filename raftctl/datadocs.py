"""The documents of the verbs for keys and values, and of `propose`."""

from dataclasses import dataclass
from typing import Annotated, Literal

ReadMode = Annotated[str, Literal["linearizable", "lease", "stale"]]


@dataclass
class Put:
    key: str
    index: int
    term: int


@dataclass
class Get:
    key: str
    value: str | None
    """The value as text; null when it is not UTF-8."""
    value_base64: str | None
    """The value when it is not UTF-8."""
    index: int
    read: ReadMode
    node: str
    """Who answered."""
    age_ms: int | None = None
    """So long ago it was in touch with the leader; 0: this is current; null: it hears no leader."""


@dataclass
class Del:
    key: str
    existed: bool
    index: int
    term: int


@dataclass
class Cas:
    key: str
    swapped: bool
    index: int
    term: int


@dataclass
class Scan:
    prefix: str
    items: list[Get]
    more: bool
    """Whether there are keys beyond these; a larger --limit shows them."""


@dataclass
class Change:
    index: int
    key: str
    value: str | None
    value_base64: str | None
    deleted: bool


@dataclass
class Propose:
    index: int
    term: int
    result: str | None
    result_base64: str | None
