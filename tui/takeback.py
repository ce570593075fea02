"""What takes the last action back, as things are by then. Pure."""

from dataclasses import replace

from tui.actions import BRINGING, TAKING, Action, asks_to_cut, on_node
from tui.drawing.moment import Moment
from tui.membership import with_voters
from tui.undo import Undo


def take_back(moment: Moment, undo: Undo) -> Action:
    """The action that it is now, with its question: much may have happened since."""
    arguments = undo.now(moment.wall_ns / 1e9)
    views = {view.name: view for view in moment.model.nodes.values()}
    verb, view = arguments[0], views.get(arguments[-1])
    action = Action(arguments)
    if view is not None and verb in TAKING | BRINGING:
        action = on_node(moment, verb, view)
    elif view is not None and verb == "members":
        action = with_voters(moment, arguments[1], view)
    elif undo.restores is not None and arguments[0] == "partition":
        action = Action(arguments, question=asks_to_cut(moment, undo.restores.cut))
    return replace(action, undo=None, takes_back=undo)
