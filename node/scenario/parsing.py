"""A scenario's text, read. Whatever is wrong with it is one error, which names key and line."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Literal

from node.faults import NAME_LENGTH_MAX
from node.scenario.actions import Action
from node.scenario.errors import ScenarioError
from node.scenario.lines import check_lasts, parse_action, parse_line
from node.scenario.names import check_fault_name
from node.scenario.overriding import overridden
from node.scenario.possible import check_possible
from node.scenario.quantities import duration_text, microseconds
from node.scenario.reading import Table
from node.scenario.scenario import (
    CLIENTS_MAX,
    DURATION_US_MAX,
    DURATION_US_MIN,
    FORMAT,
    KEYS_MAX,
    MIXES,
    NODES_MAX,
    OPERATIONS_MAX,
    OPTIONS_MAX,
    RATE_MAX,
    SEED_MAX,
    STEPS_MAX,
    WEIGHT_MAX,
    Budget,
    Expect,
    Option,
    RandomFaults,
    Scenario,
    Span,
    Step,
    StepBudget,
    Workload,
    WorkloadKind,
)
from node.scenario.tomllines import line_of
from node.scenario.when import LEADER_CHANGE, At, When, parse_when

TEXT_BYTES_MAX = 1024 * 1024
SPAN_US_LEAST = 1_000
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{NAME_LENGTH_MAX - 1}}}")
_LIKE_NAMES = 'like ["log_matching", "index_order"], each once'
_EXPECTATIONS = ("linearizable", "invariants", "converge-within")
_BUDGETS: tuple[Budget, ...] = ("quorum-safe", "any")
_ALL: Literal["all"] = "all"
_NONE: Literal["none"] = "none"
_DEFAULT = Scenario("default")
_BEGIN: When = At(0)


def parse(text: str, source: str = "scenario", changes: Sequence[str] = ()) -> Scenario:
    """The scenario that a TOML text describes; `source` names the text in errors. `changes` to it
    are like `workload.rate=200/s`.

    It is called what it says itself, else as `source` without folder and suffix. Raises
    ScenarioError, with `where` as `source:line`, for a text that is no TOML or too long, unknown
    keys, wrong types, values out of bounds, for a file that was written and is not whole any more,
    and for what can never happen: a selector that matches nobody, a step after the end, or one that
    waits for itself.
    """
    if len(text.encode("utf-8", "replace")) > TEXT_BYTES_MAX:
        raise ScenarioError("it is too long", f"at most {TEXT_BYTES_MAX} bytes", where=source)
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        where = f"{source}:{line}" if (line := _line_in(error, text)) else source
        raise ScenarioError(f"it is no TOML: {error}", where=where) from error
    stem = source.replace("\\", "/").rpartition("/")[2].removesuffix(".toml")
    try:
        scenario = _scenario(Table(overridden(values, changes)), stem)
        check_possible(scenario)
    except ScenarioError as error:
        raise placed(error, text, source) from error
    return scenario


def _line_in(error: Exception, text: str) -> int | None:
    """The line that the parser of TOML names in words."""
    if "at end of document" in str(error):
        return len(text.splitlines())
    found = re.search(r"at line (\d+)", str(error))
    return int(found[1]) if found else None


def placed(error: ScenarioError, text: str, source: str) -> ScenarioError:
    """The same, with the line of its key in the text, or of the nearest table around it that can be
    found.
    """
    key, line = error.key, None
    while key and line is None:
        line = line_of(text, key)
        key = key.rpartition(".")[0]
    return error.found_at(f"{source}:{line}" if line else source)


def _scenario(table: Table, stem: str) -> Scenario:
    duration_us = table.duration("duration", _DEFAULT.duration_us, DURATION_US_MIN, DURATION_US_MAX)
    steps = _steps(table)
    workload = _workload(table.table("workload"))
    scenario = Scenario(
        name=table.parsed("name", stem, _name),
        about=table.text("about"),
        nodes=table.integer("nodes", _DEFAULT.nodes, 1, NODES_MAX),
        seed=table.integer("seed", _DEFAULT.seed, 0, SEED_MAX),
        duration_us=duration_us,
        workload=workload,
        steps=steps,
        random=_random(table.table("random"), duration_us),
        expect=_expect(table.table("expect"), steps, workload),
        sim=_sim(table.table("sim")),
    )
    _name(scenario.name)
    _check_whole(table, len(steps))
    table.finish()
    return scenario


def _check_whole(table: Table, steps: int) -> None:
    """What was written by `writing.write` says so at its top, and at its end how many steps it has:
    half of it would be another scenario, and not the worse one. Who writes by hand needs neither.
    """
    made_in = table.integer("format", FORMAT, 0, OPERATIONS_MAX)
    if made_in != FORMAT:
        raise table.error("format", f"is {made_in}, another version's: this one reads {FORMAT}")
    end = table.table("end")
    if end is None:
        if table.has("format"):
            hint = "a file that has a format ends with [end]; one that is written by hand has none"
            raise ScenarioError("the end of the file is missing", hint, "format")
        return
    said = end.integer("steps", -1, 0, STEPS_MAX)
    if said != steps:
        hint = "was it changed by hand? Then take out format and [end]"
        raise end.error("steps", f"is {said}, and the file has {steps}", hint)
    end.finish()


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        hint = f"letters, digits, - and _, at most {NAME_LENGTH_MAX}"
        raise ScenarioError(f"{text!r} is no name for a scenario", hint, "name")
    return text


def _sim(table: Table | None) -> Mapping[str, Option]:
    return {} if table is None else table.options(OPTIONS_MAX)


# -- what clients do -------------------------------------------------------------------------------
def _workload(table: Table | None) -> Workload:
    default = _DEFAULT.workload
    if table is None:
        return default
    kind = table.parsed("kind", default.kind, _kind)
    mix = table.table("mix")
    workload = Workload(
        kind=kind,
        clients=table.integer("clients", default.clients, 1, CLIENTS_MAX),
        rate_per_s=table.parsed("rate", default.rate_per_s, _rate),
        keys=table.integer("keys", default.keys, 1, KEYS_MAX),
        ops_per_key=table.integer("ops-per-key", default.ops_per_key, 1, OPERATIONS_MAX),
        mix=dict(MIXES[kind]) if mix is None else mix.weights(MIXES[kind], WEIGHT_MAX),
        timeout_us=table.duration("timeout", default.timeout_us, 1_000, DURATION_US_MAX),
    )
    table.finish()
    return workload


def _kind(text: str) -> WorkloadKind:
    for kind in MIXES:
        if kind == text:
            return kind
    raise ScenarioError(f"there is no workload {text!r}", f"one of {', '.join(MIXES)}")


def _rate(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,9})/s", text.strip())
    if not found or not 1 <= int(found[1]) <= RATE_MAX:
        hint = f"operations per second, from 1/s to {RATE_MAX}/s"
        raise ScenarioError(f"{text!r} is no rate", hint)
    return int(found[1])


# -- what is done ----------------------------------------------------------------------------------
def _steps(table: Table) -> tuple[Step, ...]:
    tables = table.tables("step")
    if len(tables) > STEPS_MAX:
        raise ScenarioError(f"{len(tables)} steps", f"at most {STEPS_MAX}", "step")
    steps: list[Step] = []
    names: set[str] = set()
    for each in tables:
        step = _step(each)
        if step.name in names:
            raise each.error("as", f"is {step.name}, as of a step before", "each name once")
        names |= {step.name} if step.name else set()
        steps.append(step)
    return tuple(steps)


def _step(table: Table) -> Step:
    if not table.has("when"):
        raise table.missing("when", 'when = "5s"')
    if not table.has("do"):
        raise table.missing("do", 'do = "kill leader"')
    when = table.parsed("when", _BEGIN, parse_when)
    line = table.parsed("do", None, parse_line)
    assert line is not None, "it has the key"
    name = table.parsed("as", line.name, _step_name)
    lasts_us = table.duration("for", line.lasts_us, 0, DURATION_US_MAX)
    if line.name and name != line.name:
        raise table.error("as", f"is {name}, but the line says --as {line.name}")
    if line.lasts_us is not None and lasts_us != line.lasts_us:
        says = duration_text(line.lasts_us)
        raise table.error("for", f"is {table.text('for')}, but the line says --for {says}")
    if lasts_us is not None:
        try:
            check_lasts(line.action, lasts_us)
        except ScenarioError as error:
            raise error.under(table.path("for"), table.what("for")) from error
    table.finish()
    return Step(when, line.action, name, lasts_us)


def _step_name(text: str) -> str:
    check_fault_name(text)
    if text in _EXPECTATIONS or text == LEADER_CHANGE:
        raise ScenarioError(f"{text!r} is no name for a step", "it means something else")
    return text


# -- background faults -----------------------------------------------------------------------------
def _random(table: Table | None, duration_us: int) -> RandomFaults | None:
    if table is None:
        return None
    faults = table.table("faults")
    if faults is None:
        raise table.missing("faults", 'faults = { "kill any" = 1 }')
    if not table.has("every"):
        raise table.missing("every", 'every = "1s..3s"')
    every = table.parsed("every", Span(0, 0), _span)
    random = RandomFaults(
        from_us=table.duration("from", 0, 0, duration_us),
        to_us=table.duration("to", duration_us, 0, duration_us),
        every=every,
        lasts=table.parsed("for", every, _span),
        faults=_weighted(faults),
        budget=table.parsed("budget", _BUDGETS[0], _budget),
    )
    if random.from_us >= random.to_us:
        raise table.error("to", "is not after from")
    table.finish()
    return random


def _weighted(table: Table) -> tuple[tuple[Action, int], ...]:
    faults: dict[Action, int] = {}
    for text, weight in table.weights(None, WEIGHT_MAX).items():
        try:
            action = parse_action(text)
        except ScenarioError as error:
            raise error.under(table.path(text), table.what(text)) from error
        if action in faults:
            raise table.error(text, "stands twice", "one weight for each")
        faults[action] = weight
    return tuple(faults.items())


def _span(text: str) -> Span:
    least, dots, most = text.partition("..")
    span = Span(microseconds(least), microseconds(most if dots else least))
    if not SPAN_US_LEAST <= span.least_us <= span.most_us <= DURATION_US_MAX:
        raise ScenarioError(f"{text!r} is no range of durations", "like 1s..3s, from 1ms to 24h")
    return span


def _budget(text: str) -> Budget:
    for budget in _BUDGETS:
        if budget == text:
            return budget
    raise ScenarioError(f"there is no budget {text!r}", f"one of {', '.join(_BUDGETS)}")


# -- what has to hold ------------------------------------------------------------------------------
def _expect(table: Table | None, steps: Sequence[Step], workload: Workload) -> Expect:
    default = _DEFAULT.expect
    if table is None:
        return default
    linearizable = table.flag("linearizable", default.linearizable)
    invariants = _invariants(table)
    converge_us = table.duration("converge-within", None, 1_000, DURATION_US_MAX)
    budgets: dict[str, StepBudget] = {}
    for step in steps:
        budget = table.table(step.name) if step.name else None
        if budget is not None:
            budgets[step.name] = _step_budget(budget, workload)
    table.finish()
    return Expect(linearizable, invariants, converge_us, budgets)


def _invariants(table: Table) -> Literal["all", "none"] | tuple[str, ...]:
    if not table.is_list("invariants"):
        return table.parsed("invariants", _ALL, _all_or_none)
    named = table.texts("invariants")
    for each in named:
        if not re.fullmatch(r"[a-z]+(_[a-z]+)*", each) or named.count(each) > 1:
            raise table.error("invariants", f"has {each!r}", _LIKE_NAMES)
    return tuple(named)


def _all_or_none(text: str) -> Literal["all", "none"]:
    for each in (_ALL, _NONE):
        if each == text:
            return each
    raise ScenarioError(f"{text!r} says nothing", f"all, none, or a list {_LIKE_NAMES}")


def _step_budget(table: Table, workload: Workload) -> StepBudget:
    limits = table.table("max-unavailable")
    operations = {"read": 0, "write": 0, **workload.mix}
    longest = {} if limits is None else limits.durations(operations, 1_000, DURATION_US_MAX)
    budget = StepBudget(longest, table.integer("min-ok", 0, 0, OPERATIONS_MAX))
    table.finish()
    return budget
