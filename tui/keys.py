"""The keys: each has an id, so that a file can give it another one (`tui.keyfile`)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from textual.binding import Binding, BindingType

from tui.nodes import Condition


class Key(NamedTuple):
    """`action` is the app's, or that of the page; `label` stands in the footer when `shown`,
    `about` in the help. `line` is what to type for the same behind `raftctl`, empty: it is about
    the screen alone.
    """

    id: str
    keys: str
    action: str
    label: str
    about: str
    shown: bool = False
    line: str = ""

    @property
    def binding(self) -> Binding:
        return Binding(self.keys, self.action, self.label, show=self.shown, id=self.id)


_RUN = "events --run RUN"
KEYS = (
    Key("node.toggle", "s", "act('toggle')", "stop", "stop the node; a dead one: start", True,
        "stop n2, start n2"),
    Key("node.kill", "K", "act('kill')", "kill", "kill the node with SIGKILL", True, "kill n2"),
    Key("node.pause", "z", "act('pause')", "pause", "freeze the node; a frozen one: go on", True,
        "pause n2, resume n2"),
    Key("node.restart", "r", "act('restart')", "restart", "stop and start the node", True,
        "restart n2"),
    Key("fault.partition", "p", "partition", "partition", "cut the cluster into two sides", True,
        "partition 1,2 / rest"),
    Key("fault.net", "x", "net", "net", "make links slow or lossy", True,
        "net --link n1:n2 --latency 40ms"),
    Key("fault.heal", "H", "act('heal')", "heal", "end all faults", True, "heal"),
    Key("raft.transfer", "t", "act('transfer')", "transfer", "hand leadership to the node", True,
        "transfer n2"),
    Key("data.put", "plus", "put", "put", "write a key", line="put K V"),
    Key("chaos.run", "c", "chaos", "chaos", "a scenario of faults, and how it goes", True,
        "chaos run smoke"),
    Key("data.bench", "b", "bench", "bench", "see what load the cluster bears", True,
        "bench put --duration 10s"),
    Key("action.undo", "u", "undo", "undo", "take back the last action", True, "heal 1, start n2"),
    Key("action.save", "W", "save_script", "", "write the lines that were run as a script"),
    Key("action.scenario", "X", "save_scenario", "", "write what was done as a chaos scenario",
        line="chaos record FILE"),
    Key("view.detail", "enter", "detail", "detail", "the node from close by", line="status n2"),
    Key("view.applied", "a", "show('applied')", "applied", "entries as they take effect", True,
        "events -f --kind applied"),
    Key("view.log", "l", "show('log')", "log", "the node's log", True, "log show n2"),
    Key("view.diff", "d", "show('diff')", "diff", "its log beside that of the leader",
        line="log diff n2 n3"),
    Key("view.members", "M", "show('members')", "members", "who belongs to the cluster", True,
        "members ls"),
    Key("view.events", "e,E", "show('events')", "events", "all events, with a filter",
        line="events"),
    Key("view.filter", "slash", "filter", "filter", "show only events with a text: leader|fault",
        line="events --kind leader"),
    Key("view.freeze", "space", "freeze", "freeze", "hold the picture; in a replay: play, pause"),
    Key("view.back", "escape", "leave_page", "back", "to where you came from"),
    Key("select.next", "right,down,j", "choose(1)", "next", "choose the next node"),
    Key("select.previous", "left,up,k,h", "choose(-1)", "previous", "choose the one before"),
    Key("view.screenshot", "ctrl+s", "screenshot_svg", "SVG", "save the screen as an SVG file"),
    Key("app.palette", "colon,ctrl+p", "command_palette", "commands", "every raftctl verb", True),
    Key("app.help", "question_mark", "help", "help", "these keys", True),
    Key("app.quit", "q", "leave", "quit", "leave the viewer; the cluster keeps running", True),
    Key("replay.frame_back", "comma", "step('frame', -1)", "", "one frame back", line=_RUN),
    Key("replay.frame", "full_stop", "step('frame', 1)", "", "one frame on", line=_RUN),
    Key("replay.event_back", "left_square_bracket", "step('event', -1)", "", "one event back",
        line=_RUN),
    Key("replay.event", "right_square_bracket", "step('event', 1)", "", "one event on", line=_RUN),
    Key("replay.mark_back", "left_curly_bracket", "step('landmark', -1)", "",
        "to the election or fault before", line=f"{_RUN} --kind fault"),
    Key("replay.mark", "right_curly_bracket", "step('landmark', 1)", "",
        "to the next election or fault", line=f"{_RUN} --kind leader"),
    Key("replay.slower", "less_than_sign", "speed(-1)", "", "play at half the speed"),
    Key("replay.faster", "greater_than_sign", "speed(1)", "", "play at twice the speed"),
    Key("replay.bookmark", "m", "bookmark", "", "set a bookmark, or take it away"),
    Key("replay.bookmark_next", "n", "step('bookmark', 1)", "", "to the next bookmark"),
    Key("replay.bookmark_back", "N", "step('bookmark', -1)", "", "to the bookmark before"),
    Key("replay.begin", "home", "step('end', -1)", "", "to the beginning"),
    Key("replay.end", "end", "step('end', 1)", "", "to the end"),
    Key("replay.live", "L", "live", "live", "back to the cluster as it is now", True, "tui"),
)  # fmt: skip
LABELS_THEN = {
    "node.toggle": (Condition.EXITED, "start"),
    "node.pause": (Condition.PAUSED, "resume"),
}
"""What keys do instead while the chosen node is so."""
OVERVIEW_KEYS = (
    Key("replay.clip", "e", "clip", "clip", "save a part of the recording", True,
        "runs export RUN FILE --from +1m --to +2m"),
)  # fmt: skip
LIST_KEYS = (
    Key("list.down", "down", "scroll_by(1)", "", "one line down"),
    Key("list.up", "up", "scroll_by(-1)", "", "one line up"),
    Key("list.page_down", "pagedown", "scroll_by(20)", "", "twenty lines down"),
    Key("list.page_up", "pageup", "scroll_by(-20)", "", "twenty lines up"),
    Key("list.follow", "f", "follow", "follow", "follow what is new"),
)
EVENT_KEYS = (
    Key("events.jump", "enter", "jump", "jump", "to the time of the event, in the recording", True,
        "tui --replay RUN"),
)  # fmt: skip
NODE_KEYS = (
    Key("tab.state", "1", "tab('state')", "", "its state and its peers", line="status n2"),
    Key("tab.log", "2", "tab('log')", "", "its log", line="log show n2"),
    Key("tab.peers", "3", "tab('peers')", "", "its links, all that is known of them"),
    Key("tab.config", "4", "tab('config')", "", "its settings, and who the members are",
        line="config show"),
    Key("tab.stdout", "5", "tab('stdout')", "", "what its process wrote", line="logs n2 -f"),
    Key("peers.next", "down", "move(1)", "next", "the next link, or line"),
    Key("peers.previous", "up", "move(-1)", "previous", "the link, or line, before"),
    Key("peers.page_down", "pagedown", "move(20)", "", "twenty lines down"),
    Key("peers.page_up", "pageup", "move(-20)", "", "twenty lines up"),
    Key("peers.follow", "f", "follow", "follow", "follow what the process writes"),
    Key("fault.heal_link", "enter", "heal_link", "heal this link", "heal the chosen link",
        line="heal n1:n2"),
)  # fmt: skip
MEMBER_KEYS = (
    Key("members.add", "plus", "add_member", "add", "add a new node", True, "members add"),
    Key("members.remove", "minus,delete", "remove_member", "remove", "remove the node", True,
        "members remove n2"),
    Key("members.promote", "P", "promote_member", "promote/demote", "give or take its vote", True,
        "members promote n2, members demote n2"),
)  # fmt: skip
LOG_KEYS = (
    Key("log.goto", "g", "goto", "goto", "go to an index", True, "log show n2 --from 7"),
    Key("log.find", "slash", "find", "find", "find a text or a term: spam, t7", True,
        "log show n2 --term 7"),
    Key("log.next", "n", "find_on(1)", "next", "to the next place where it stands", True),
    Key("log.previous", "N", "find_on(-1)", "", "to the place before"),
    Key("log.diff", "d", "toggle_diff", "diff", "another log beside it, or none", True,
        "log diff n2 n3"),
    Key("log.other", "o", "other", "other", "beside it: the log of the next node", True,
        "log diff n2 n3"),
    Key("log.copy", "y", "copy_entry", "copy", "copy the entry", True),
    Key("log.export", "x", "export", "export", "write entries as a file", True,
        "log show n2 --from 7 -o jsonl"),
)  # fmt: skip
CHAOS_KEYS = (
    Key("chaos.abort", "a", "abort", "abort, heal", "end the run, and heal what it did", True),
)
SCENARIO_KEYS = (
    Key("scenario.leave", "escape,q", "dismiss(None)", "", "leave"),
    Key("scenario.next", "down,j", "move(1)", "", "the next scenario"),
    Key("scenario.previous", "up,k", "move(-1)", "", "the scenario before"),
    Key("scenario.file", "f", "file", "", "a file of your own"),
    Key("scenario.run", "enter", "run", "", "run it on this cluster", line="chaos run smoke"),
)
ASK_KEYS = (
    Key("ask.yes", "y,Y", "answer(True)", "", "yes"),
    Key("ask.no", "n,N,escape,enter,q,space", "answer(False)", "", "no"),
)
FORM_KEYS = (
    Key("form.leave", "escape", "leave", "", "leave a form, or end what runs in it"),
    Key("form.next", "down", "app.focus_next", "", "the next field"),
    Key("form.previous", "up", "app.focus_previous", "", "the field before"),
)
PARTITION_KEYS = (
    Key("partition.leave", "escape,q", "dismiss(None)", "", "leave"),
    Key("partition.next", "down,j", "move(1)", "", "the next node"),
    Key("partition.previous", "up,k", "move(-1)", "", "the node before"),
    Key("partition.other_side", "space", "other_side", "", "move the node to the other side"),
    Key("partition.isolate", "i", "isolate", "", "this node alone on the other side"),
    Key("partition.apply", "enter", "apply", "", "cut it so", line="partition 1,2 / rest"),
)
HELP_KEYS = (Key("help.leave", "escape,q,question_mark,enter", "dismiss(None)", "", "leave"),)
PLACES: Mapping[str, Sequence[Key]] = {
    "": KEYS,
    "overview": OVERVIEW_KEYS,
    "lists": LIST_KEYS,
    "events": EVENT_KEYS,
    "node": NODE_KEYS,
    "members": MEMBER_KEYS,
    "log": LOG_KEYS,
    "chaos": CHAOS_KEYS,
    "question": ASK_KEYS,
    "form": FORM_KEYS,
    "partition": PARTITION_KEYS,
    "scenarios": SCENARIO_KEYS,
    "help": HELP_KEYS,
}
"""All keys, by where they are; those without a place are on all pages."""
NODES_BY_KEY = 9
BINDINGS = [
    *(key.binding for key in KEYS),
    *(
        Binding(str(node), f"choose_node({node})", show=False, id=f"select.n{node}")
        for node in range(1, NODES_BY_KEY + 1)
    ),
]
_ELSEWHERE = [key.binding for place, keys in PLACES.items() if place for key in keys]
USUAL = {str(each.id): each.key for each in (*BINDINGS, *_ELSEWHERE)}
"""The keys of each id that has no other ones."""
IDS = tuple(USUAL)


def _together(*places: str, is_page: bool = True) -> tuple[str, ...]:
    ids = [str(each.id) for each in BINDINGS] if is_page else []
    return (*ids, *(key.id for place in places for key in PLACES[place]))


TOGETHER = (
    *(_together(*places) for places in (("overview",), ("lists",), ("lists", "events"))),
    *(_together(*places) for places in (("node",), ("members",), ("chaos",), ("lists", "log"))),
    *(_together(place, is_page=False) for place in ("question", "form", "partition")),
    *(_together(place, is_page=False) for place in ("scenarios", "help")),
)
"""The ids that one and the same screen has."""
CHANGING = ("node.", "fault.", "raft.", "data.", "action.", "members.", "chaos.")
"""The ids of keys that change a cluster begin so."""


def bindings(keys: Sequence[Key]) -> list[BindingType]:
    """For a screen."""
    return [key.binding for key in keys]
