"""The keys: each has an id, so that a file can give it another one.

# keys.toml
"node.kill" = "ctrl+k"
"view.log" = "l,f3"
"""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from textual.binding import Binding

FILE_BYTES_MAX = 64 * 1024
KEYS_MAX = 64
"""Characters that name the keys of one binding."""


class Key(NamedTuple):
    """`action` is the app's; `label` stands in the footer when `shown`, `about` in the help."""

    id: str
    keys: str
    action: str
    label: str
    about: str
    shown: bool = False

    @property
    def binding(self) -> Binding:
        return Binding(self.keys, self.action, self.label, show=self.shown, id=self.id)


KEYS = (
    Key("node.toggle", "s", "act('toggle')", "stop", "stop the node; a dead one: start", True),
    Key("node.kill", "K", "act('kill')", "kill", "kill the node with SIGKILL", True),
    Key("node.pause", "z", "act('pause')", "pause", "freeze the node; a frozen one: go on", True),
    Key("node.restart", "r", "act('restart')", "restart", "stop and start the node", True),
    Key("fault.partition", "p", "partition", "partition", "cut the cluster into two sides", True),
    Key("fault.net", "x", "net", "net", "make links slow or lossy", True),
    Key("fault.heal", "H", "act('heal')", "heal", "end all faults", True),
    Key("raft.transfer", "t", "act('transfer')", "transfer", "hand leadership to the node", True),
    Key("data.put", "plus", "put", "put", "write a key"),
    Key("action.undo", "u", "undo", "undo", "take back the last action", True),
    Key("view.detail", "enter", "detail", "detail", "the node from close by"),
    Key("view.applied", "a", "show('applied')", "applied", "entries as they take effect", True),
    Key("view.log", "l", "show('log')", "log", "the node's log", True),
    Key("view.diff", "d", "show('diff')", "diff", "its log beside that of the leader"),
    Key("view.members", "M", "show('members')", "members", "who belongs to the cluster", True),
    Key("view.events", "e", "show('events')", "events", "all events, with a filter"),
    Key("view.filter", "slash", "filter", "filter", "show only events with a text: leader|fault"),
    Key("view.freeze", "space", "freeze", "freeze", "hold the picture; in a replay: play, pause"),
    Key("view.back", "escape", "leave_page", "back", "to where you came from"),
    Key("select.next", "right,down,j", "choose(1)", "next", "choose the next node"),
    Key("select.previous", "left,up,k,h", "choose(-1)", "previous", "choose the one before"),
    Key("view.screenshot", "ctrl+s", "screenshot_svg", "SVG", "save the screen as an SVG file"),
    Key("app.palette", "colon,ctrl+p", "command_palette", "commands", "every raftctl verb", True),
    Key("app.help", "question_mark", "help", "help", "these keys", True),
    Key("app.quit", "q", "leave", "quit", "leave the viewer; the cluster keeps running", True),
    Key("replay.frame_back", "comma", "step('frame', -1)", "", "one frame back"),
    Key("replay.frame", "full_stop", "step('frame', 1)", "", "one frame on"),
    Key("replay.event_back", "left_square_bracket", "step('event', -1)", "", "one event back"),
    Key("replay.event", "right_square_bracket", "step('event', 1)", "", "one event on"),
    Key(
        "replay.mark_back",
        "left_curly_bracket",
        "step('landmark', -1)",
        "",
        "to the election or fault before",
    ),
    Key(
        "replay.mark",
        "right_curly_bracket",
        "step('landmark', 1)",
        "",
        "to the next election or fault",
    ),
    Key("replay.slower", "less_than_sign", "speed(-1)", "", "play at half the speed"),
    Key("replay.faster", "greater_than_sign", "speed(1)", "", "play at twice the speed"),
    Key("replay.bookmark", "m", "bookmark", "", "set a bookmark, or take it away"),
    Key("replay.bookmark_next", "n", "step('bookmark', 1)", "", "to the next bookmark"),
    Key("replay.bookmark_back", "N", "step('bookmark', -1)", "", "to the bookmark before"),
    Key("replay.begin", "home", "step('end', -1)", "", "to the beginning"),
    Key("replay.end", "end", "step('end', 1)", "", "to the end"),
)
MEMBER_KEYS = (
    Key("members.add", "plus", "add_member", "add", "add a new node", True),
    Key("members.remove", "minus,delete", "remove_member", "remove", "remove the node", True),
    Key("members.promote", "P", "promote_member", "promote/demote", "give or take its vote", True),
)
NODES_BY_KEY = 9
BINDINGS = [
    *(key.binding for key in KEYS),
    *(
        Binding(str(node), f"choose_node({node})", show=False, id=f"select.n{node}")
        for node in range(1, NODES_BY_KEY + 1)
    ),
]
USUAL = {str(each.id): each.key for each in (*BINDINGS, *(key.binding for key in MEMBER_KEYS))}
"""The keys of each id that has no other ones."""
IDS = tuple(USUAL)
SHARED = ("data.put", "members.add", "+")
"""The page of members has a + of its own."""


SIGNS = {
    "plus": "+",
    "minus": "-",
    "slash": "/",
    "colon": ":",
    "question_mark": "?",
    "comma": ",",
    "full_stop": ".",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "escape": "esc",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
}


CHANGING = ("node.", "fault.", "raft.", "data.", "action.", "members.")
"""The ids of keys that change a cluster begin so."""


def names_of(keys: str) -> str:
    """Keys as people write them, with spaces between: plus,ctrl+k is + ctrl+k."""
    return " ".join(SIGNS.get(each.strip(), each.strip()) for each in keys.split(","))


class KeysError(Exception):
    """The file of keys cannot be used; the message says why, `hint` what would do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def load_keys(path: Path) -> dict[str, str]:
    """Other keys by binding id, none where there is no file. Raises KeysError."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            raise KeysError(f"{path} has more than {FILE_BYTES_MAX} bytes")
        values = tomllib.loads(data.decode("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise KeysError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise KeysError(f"{path}: {error}") from error
    except RecursionError as error:
        raise KeysError(f"{path}: it is nested too deeply") from error
    for name, keys in values.items():
        if name not in IDS:
            near = difflib.get_close_matches(name, IDS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(IDS[:6])}, ..."
            raise KeysError(f"{path}: there is no key {name!r}", hint)
        if not isinstance(keys, str) or not 0 < len(keys) <= KEYS_MAX:
            raise KeysError(f"{path}: {name} has to be a key such as 'ctrl+k', not {keys!r}")
    _refuse_clashes(path, values)
    return values


def _refuse_clashes(path: Path, given: Mapping[str, str]) -> None:
    """One key that has two ids: Textual takes either, and it may be the one that kills a node."""
    taken: dict[str, str] = {}
    for name, usual in USUAL.items():
        for key in names_of(given.get(name, usual)).split():
            other = taken.setdefault(key, name)
            if other != name and (other, name, key) != SHARED:
                hint = f"give {other} or {name} another key"
                raise KeysError(f"{path}: {key} is the key of {other} and of {name}", hint)
