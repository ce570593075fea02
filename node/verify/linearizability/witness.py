"""The order of the log as a witness: if it explains the history, nothing need be searched.

A write takes effect at its index, a read sees all up to its own, so at one index reads come last,
in the order of their calls. The order keeps to real time when none returned before one was called
that stands earlier: a running maximum of the calls tells. A witness that fails proves nothing: what
the history says of the indices may be wrong, and its answers right.
"""

from typing import Any

from node.verify.linearizability.operations import Operations
from node.verify.models.base import ILLEGAL, Model


def is_witnessed(operations: Operations, model: Model, initial: Any) -> bool:  # noqa: ANN401
    """Whether the log's order explains all; what has no certain outcome is left out of it."""
    certain, indices = operations.certain, operations.indices
    names, values, results = operations.names, operations.values, operations.results
    calls, returns = operations.calls, operations.returns
    chosen = [place for place in range(len(operations)) if certain[place]]
    if not all(indices[place] for place in chosen):
        return False
    readonly = model.readonly
    changes = [False] * len(operations)
    for place in chosen:
        changes[place] = not readonly(names[place], results[place])
    # The sort is stable, and they are in the order of their calls.
    chosen.sort(key=lambda place: (indices[place] << 1) - changes[place])
    state, step, latest_call = initial, model.step, -1
    for place in chosen:
        if returns[place] < latest_call:
            return False
        latest_call = max(latest_call, calls[place])
        state = step(state, names[place], values[place], results[place])
        if state is ILLEGAL:
            return False
    return True
