"""A line of raftctl, read as an action: what was typed, or recorded, pastes into a scenario."""

import difflib
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from node.config import NODE_ID_MAX
from node.nodefaults import CLOCK_RATE_MAX, DELAY_US_MAX
from node.scenario import actions
from node.scenario.actions import Action, DiskKind, ending
from node.scenario.effects import link_effects
from node.scenario.errors import ScenarioError
from node.scenario.links import check_does_something, check_one_way_to_say_it
from node.scenario.names import check_fault_name, link_of
from node.scenario.options import Given, Kind, read_options, verb_of
from node.scenario.quantities import is_bare, microseconds, number

LINE_LENGTH_MAX = 4096

# The numbers are those that all systems share; BUS is not the same everywhere.
SIGNALS = {
    "KILL": "9", "TERM": "15", "INT": "2", "QUIT": "3", "ABRT": "6", "SEGV": "11", "BUS": "",
    "FPE": "8", "ILL": "4",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """An action, and what its line says beside it: --as and --for, in microseconds."""

    action: Action
    name: str = ""
    lasts_us: int | None = None


def parse_line(text: str) -> Line:
    """What a line of raftctl does, with or without `raftctl` before it.

    Raises ScenarioError for what is no such line, or changes nothing in a cluster. Who is meant by
    its selectors shows when it is carried out.
    """
    if len(text) > LINE_LENGTH_MAX:
        raise ScenarioError("the line is too long", f"at most {LINE_LENGTH_MAX} characters")
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ScenarioError(f"{text!r} is no line: {str(error).lower()}") from error
    if words[:1] == ["raftctl"]:
        del words[0]
    verb, rest = verb_of(words)
    if verb in _GROUPS:
        second, rest = verb_of(rest)
        verb = f"{verb} {second}"
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else f"one of: {', '.join(VERBS)}"
        raise ScenarioError(f"{verb} is nothing that a scenario does", hint)
    return read_line(verb, read_options(rest, VERBS[verb].options))


def read_line(verb: str, given: Given) -> Line:
    """What these words and options of a verb do. Raises ScenarioError, as `parse_line` does."""
    action = VERBS[verb].read(given)
    name = given.text("--as", "")
    if given.has("--as"):
        check_fault_name(name)
    return Line(action, name, _lasting(given, action))


def parse_action(text: str) -> Action:
    """A line that says no more than what is done: neither --as nor --for. Raises ScenarioError."""
    line = parse_line(text)
    if line.name or line.lasts_us is not None:
        raise ScenarioError(f"{text!r} has --as or --for", "leave them out here")
    return line.action


def _lasting(given: Given, action: Action) -> int | None:
    text = given.value("--for")
    if text is None:
        return None
    lasts_us = microseconds(text)
    check_lasts(action, lasts_us)
    return lasts_us


def check_lasts(action: Action, lasts_us: int) -> None:
    """Whether an action can hold for this long. Raises ScenarioError."""
    if lasts_us <= 0:
        raise ScenarioError("it has to last more than 0", "write it like 10s or 300ms")
    if ending(action) is None:
        hint = "only what has an end lasts: kill, stop, pause, partition, net, disk, clock"
        raise ScenarioError(f"{action} has no end, so it cannot last for a time", hint)


# -- verbs ---------------------------------------------------------------------------------------
def _selectors(given: Given) -> tuple[str, ...]:
    words = tuple(" ".join(given.words).split())
    if not words:
        raise ScenarioError("which nodes?", "name them: n1 n2, leader, followers, all")
    return words


def _on_nodes(kind: Callable[[tuple[str, ...]], Action]) -> Callable[[Given], Action]:
    return lambda given: kind(_selectors(given))


def _kill(given: Given) -> Action:
    wanted = given.text("--signal", "KILL").upper().removeprefix("SIG")
    for name, value in SIGNALS.items():
        if wanted and wanted in (name, value):
            return actions.Kill(_selectors(given), name)
    hint = f"{', '.join(SIGNALS)}; to freeze one: pause"
    raise ScenarioError(f"{given.value('--signal')} ends no node", hint)


def _restart(given: Given) -> Action:
    return actions.Restart(_selectors(given), _delay(given, "--stagger", "0s"))


def _delay(given: Given, option: str, default: str) -> int:
    text = given.text(option, default)
    delay_us = microseconds(text)
    if delay_us > DELAY_US_MAX:
        raise ScenarioError(f"{option} {text} is too long", "at most 1h")
    return delay_us


def _delay_above_0(given: Given, option: str) -> int:
    delay_us = _delay(given, option, "0s")
    if not delay_us:
        raise ScenarioError(f"{option} {given.value(option)}: has to be more than 0")
    return delay_us


_DISK: Mapping[str, Kind] = {
    "--stall": "value", "--slow": "value", "--full": "flag", "--fail": "flag", "--rot": "flag",
    "--truncate": "flag",
}  # fmt: skip
_DISK_KINDS: Mapping[str, DiskKind] = {
    "--stall": "stall", "--slow": "slow", "--full": "full", "--fail": "fail", "--rot": "rot",
    "--truncate": "truncate",
}  # fmt: skip


def _disk(given: Given) -> Action:
    nodes = _selectors(given)
    chosen = [option for option in _DISK if given.has(option)]
    if len(chosen) != 1:
        hint = "one of: --stall 300ms, --slow 20ms, --full, --fail, --rot, --truncate"
        raise ScenarioError("what is wrong with the disk?", hint)
    (option,) = chosen
    delay_us = _flush_delay(given, option) if _DISK[option] == "value" else 0
    return actions.Disk(nodes, _DISK_KINDS[option], delay_us)


def _flush_delay(given: Given, option: str) -> int:
    """Seconds are meant seldom: a number without a unit was to be milliseconds."""
    text = given.text(option, "")
    if is_bare(text.strip()):
        raise ScenarioError(f"{option} {text} has no unit", f"did you mean {text.strip()}ms?")
    return _delay_above_0(given, option)


def _clock(given: Given) -> Action:
    nodes = _selectors(given)
    if given.has("--rate") == given.has("--jump"):
        raise ScenarioError("what is wrong with the clock?", "--rate 1.05, or --jump 2s")
    if given.has("--jump"):
        return actions.Clock(nodes, jump_us=_delay_above_0(given, "--jump"))
    rate = number(given.text("--rate", "1"))
    if not 1 / CLOCK_RATE_MAX <= rate <= CLOCK_RATE_MAX:
        hint = f"from {1 / CLOCK_RATE_MAX:g} to {CLOCK_RATE_MAX:g}; 1 is right"
        raise ScenarioError(f"--rate {rate:g} is no clock", hint)
    if round(rate, 9) == 1:
        raise ScenarioError("--rate 1 is a clock that is right", "--rate 1.05 is too fast")
    return actions.Clock(nodes, rate=round(rate, 9))


def _partition(given: Given) -> Action:
    parts = [" ".join(part.split()) for part in " ".join(given.words).split("/")]
    groups = tuple(" / ".join(part for part in parts if part).split())
    shape = (
        groups, given.has("--halves"), given.has("--ring"), given.value("--bridge"),
        given.values("--one-way"),
    )  # fmt: skip
    check_one_way_to_say_it(*shape)
    return actions.Partition(*shape)


def _net(given: Given) -> Action:
    _at_most(given, 0)
    links = given.values("--link")
    if not links:
        raise ScenarioError("which link?", "--link n1:n2, --link leader:rest")
    effects = link_effects(
        given.value("--latency"),
        given.text("--drop", "0%"),
        given.text("--dup", "0%"),
        given.text("--reorder", "0%"),
        given.text("--corrupt", "0%"),
        given.value("--rate"),
        given.values("--only"),
    )
    check_does_something(effects)
    return actions.Net(links, effects)


def _heal(given: Given) -> Action:
    _at_most(given, 1)
    what = given.words[0] if given.words else "all"
    if what.removeprefix("#").isdigit():
        hint = 'call it something: as = "cut", then heal cut'
        raise ScenarioError(f"heal {what}: faults have no numbers yet", hint)
    if link := link_of(what):
        return actions.Heal("n{}:n{}".format(*link))
    if what != "all":
        check_fault_name(what)
    return actions.Heal(what)


def _transfer(given: Given) -> Action:
    _at_most(given, 1)
    return actions.Transfer(given.words[0] if given.words else None)


def _snapshot(given: Given) -> Action:
    return actions.SnapshotTake(_selectors(given) if given.words else ())


def _members_add(given: Given) -> Action:
    _at_most(given, 1)
    node = _node_id(given.words[0]) if given.words else None
    priority = given.text("--priority", "100")
    if not (re.fullmatch("[0-9]{1,3}", priority) and int(priority) <= 100):
        raise ScenarioError(f"--priority {priority}", "a whole number from 0 to 100")
    return actions.MembersAdd(node, given.has("--learner"), int(priority))


def _members_replace(given: Given) -> Action:
    _at_most(given, 2)
    if not given.words:
        raise ScenarioError("which node?", "members replace n3")
    new = _node_id(given.words[1]) if len(given.words) == 2 else None
    return actions.MembersReplace(given.words[0], new)


def _node_id(text: str) -> int:
    found = re.fullmatch(r"n?([0-9]{1,18})", text)
    if not found:
        raise ScenarioError(f"{text!r} is not a node", "write it like n3")
    node_id = int(found[1])
    if not 0 < node_id <= NODE_ID_MAX:
        raise ScenarioError(f"{text} is no node's id", f"from n1 to n{NODE_ID_MAX}")
    return node_id


def _at_most(given: Given, count: int) -> None:
    if len(given.words) > count:
        raise ScenarioError(f"{given.words[count]!r} is one word too many")


@dataclass(frozen=True, slots=True)
class Verb:
    read: Callable[[Given], Action]
    options: Mapping[str, Kind]


_FAULT: Mapping[str, Kind] = {"--for": "value", "--as": "value"}
_GROUPS = ("members", "snapshot")
VERBS = {
    "start": Verb(_on_nodes(actions.Start), {}),
    "stop": Verb(_on_nodes(actions.Stop), {}),
    "kill": Verb(_kill, {"--signal": "value"}),
    "restart": Verb(_restart, {"--stagger": "value"}),
    "pause": Verb(_on_nodes(actions.Pause), {}),
    "resume": Verb(_on_nodes(actions.Resume), {}),
    "wipe": Verb(_on_nodes(actions.Wipe), {}),
    "disk": Verb(_disk, {**_DISK, **_FAULT}),
    "clock": Verb(_clock, {"--rate": "value", "--jump": "value", **_FAULT}),
    "partition": Verb(
        _partition,
        {
            "--halves": "flag", "--ring": "flag", "--bridge": "value", "--one-way": "values",
            **_FAULT,
        },
    ),
    "net": Verb(
        _net,
        {
            "--link": "values", "--latency": "value", "--drop": "value", "--dup": "value",
            "--reorder": "value", "--corrupt": "value", "--rate": "value", "--only": "values",
            **_FAULT,
        },
    ),
    "heal": Verb(_heal, {}),
    "transfer": Verb(_transfer, {}),
    "members add": Verb(_members_add, {"--learner": "flag", "--priority": "value"}),
    "members promote": Verb(_on_nodes(actions.MembersPromote), {}),
    "members demote": Verb(_on_nodes(actions.MembersDemote), {}),
    "members remove": Verb(_on_nodes(actions.MembersRemove), {}),
    "members replace": Verb(_members_replace, {}),
    "snapshot take": Verb(_snapshot, {}),
}  # fmt: skip
