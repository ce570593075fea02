"""From a name on the command line to a state machine."""

import importlib
import sys

from node.machines.base import StateMachine


class MachineError(Exception):
    """No state machine can be made of that name; the message says what to do."""


def load_machine(spec: str, path: str = "") -> StateMachine:
    """A new machine: `kv`, or a class without arguments as `package.module:Class`.

    `path` is a folder to look in after all others, so that nothing in it hides a module of ours.

    Raises MachineError.
    """
    if spec == "kv":
        from node.machines.kv import KvMachine

        return KvMachine()
    module_name, colon, class_name = spec.partition(":")
    if not (module_name and colon and class_name):
        raise MachineError(f"{spec!r} is neither kv nor of the form package.module:Class")
    if path and path not in sys.path:
        sys.path.append(path)
    try:
        made = getattr(importlib.import_module(module_name), class_name)()
    except Exception as error:  # importing and making run the user's code
        raise MachineError(
            f"cannot make {spec!r}: {type(error).__name__}: {error}; "
            "is its folder the one that the cluster was made in, or on PYTHONPATH?"
        ) from error
    missing = [name for name in ("apply", "query") if not callable(getattr(made, name, None))]
    if missing:
        raise MachineError(f"{spec!r} has no method {' and no '.join(missing)}")
    machine: StateMachine = made
    return machine
