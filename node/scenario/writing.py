"""A scenario as TOML, in the order in which people read one: who, what clients do, what is done."""

import json
from collections.abc import Iterable

from node.scenario.quantities import duration_text
from node.scenario.scenario import (
    FORMAT,
    Expect,
    Option,
    RandomFaults,
    Scenario,
    Span,
    Step,
    Workload,
)


def write(scenario: Scenario) -> str:
    """The text that `parse` makes the same scenario of, and of no part of it."""
    tables = [
        [f"format = {FORMAT}"],
        _lines(
            name=_text(scenario.name),
            about=_text(scenario.about) if scenario.about else None,
            nodes=str(scenario.nodes),
            seed=str(scenario.seed),
            duration=_duration(scenario.duration_us),
        ),
        ["[workload]", *_workload(scenario.workload)],
        *(["[[step]]", *_step(step)] for step in scenario.steps),
    ]
    if scenario.random is not None:
        tables.append(["[random]", *_random(scenario.random)])
    tables += _expect(scenario.expect)
    if scenario.sim:
        pairs = [f"{_key(key)} = {_option(value)}" for key, value in scenario.sim.items()]
        tables.append(["[sim]", *pairs])
    tables.append(["[end]", f"steps = {len(scenario.steps)}"])
    return "\n\n".join("\n".join(lines) for lines in tables) + "\n"


def _workload(workload: Workload) -> list[str]:
    return _lines(
        kind=_text(workload.kind),
        clients=str(workload.clients),
        rate=_text(f"{workload.rate_per_s}/s"),
        keys=str(workload.keys),
        ops_per_key=str(workload.ops_per_key),
        mix=_inline((key, str(weight)) for key, weight in workload.mix.items()),
        timeout=_duration(workload.timeout_us),
    )


def _step(step: Step) -> list[str]:
    lines = [f"when = {_text(str(step.when))}", f"do = {_text(str(step.action))}"]
    if step.name:
        lines.append(f"as = {_text(step.name)}")
    if step.lasts_us is not None:
        lines.append(f"for = {_duration(step.lasts_us)}")
    return lines


def _random(random: RandomFaults) -> list[str]:
    lines = [f"from = {_duration(random.from_us)}", f"to = {_duration(random.to_us)}"]
    lines.append(f"every = {_span(random.every)}")
    if random.lasts != random.every:
        lines.append(f"for = {_span(random.lasts)}")
    lines.append(f"budget = {_text(random.budget)}")
    faults = _inline((_text(str(action)), str(weight)) for action, weight in random.faults)
    return [*lines, f"faults = {faults}"]


def _expect(expect: Expect) -> list[list[str]]:
    invariants = expect.invariants
    if isinstance(invariants, tuple):
        asked = f"[{', '.join(map(_text, invariants))}]"
    else:
        asked = _text(invariants)
    within_us = expect.converge_within_us
    tables = [
        [
            "[expect]",
            *_lines(
                linearizable=_flag(expect.linearizable),
                invariants=asked,
                converge_within=None if within_us is None else _duration(within_us),
            ),
        ]
    ]
    for name, budget in expect.steps.items():
        lines = [f"[expect.{name}]"]
        if budget.max_unavailable_us:
            limits = budget.max_unavailable_us.items()
            lines.append(f"max-unavailable = {_inline((k, _duration(v)) for k, v in limits)}")
        if budget.min_ok:
            lines.append(f"min-ok = {budget.min_ok}")
        tables.append(lines)
    return tables


def _lines(**values: str | None) -> list[str]:
    return [
        f"{key.replace('_', '-')} = {value}" for key, value in values.items() if value is not None
    ]


def _inline(pairs: Iterable[tuple[str, str]]) -> str:
    return "{ " + ", ".join(f"{key} = {value}" for key, value in pairs) + " }"


def _span(span: Span) -> str:
    least, most = duration_text(span.least_us), duration_text(span.most_us)
    return _text(least if span.least_us == span.most_us else f"{least}..{most}")


def _duration(duration_us: int) -> str:
    return _text(duration_text(duration_us))


def _option(value: Option) -> str:
    match value:
        case bool():
            return _flag(value)
        case str():
            return _text(value)
        case _:
            return repr(value)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _key(key: str) -> str:
    bare = key.replace("-", "").replace("_", "")
    return key if bare.isascii() and bare.isalnum() else _text(key)


def _text(text: str) -> str:
    """A basic string: JSON's, but for one character that TOML wants escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
