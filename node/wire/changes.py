"""Changes of the members as an operator's request holds them."""

from collections.abc import Mapping
from typing import Any

from node.raft.configuration import AddLearner, Change, Demote, Promote, Remove

CHANGES_MAX = 99

_WORDS: dict[str, type[Promote | Demote | Remove]] = {
    "promote": Promote,
    "demote": Demote,
    "remove": Remove,
}


def change_to_map(change: Change) -> dict[str, Any]:
    """A map for `ChangeMembers`."""
    if isinstance(change, AddLearner):
        document = {"do": "add", "id": change.id, "address": change.address}
        return {**document, "promote": change.promote}
    word = next(word for word, kind in _WORDS.items() if isinstance(change, kind))
    return {"do": word, "id": change.id}


def change_from_map(document: Mapping[str, Any]) -> Change:
    """The inverse. Raises ValueError for anything else."""
    match document:
        case {"do": "add", "id": int(node_id), "address": str(address), "promote": bool(promote)}:
            return AddLearner(_checked(node_id), address, promote)
        case {"do": str(word), "id": int(node_id)} if word in _WORDS:
            return _WORDS[word](_checked(node_id))
        case _:
            raise ValueError(f"{document!r} is no change of the members")


def _checked(node_id: int) -> int:
    if type(node_id) is not int or node_id < 1:
        raise ValueError(f"{node_id!r} is no node")
    return node_id
