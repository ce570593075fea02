"""A chaos run in words: its steps, its rules, and how the cluster could be used meanwhile."""

from textwrap import wrap

from tui.chaos import ChaosView, Check, Preset, StepView, Use
from tui.drawing.text import (
    SPARKS,
    Line,
    both_ends,
    duration,
    fill,
    fit,
    gauge,
    milliseconds,
    number,
    window,
)

SIGNS = {
    "waiting": (" ", "dim"),
    "running": ("▶", "accent bold"),
    "done": ("✓", "good"),
    "void": ("?", "warn"),
}
VERDICTS = {"ok": ("✓", "good"), "failed": ("✗", "bad bold"), "inconclusive": ("?", "warn bold")}
_ORDER = ("failed", "inconclusive", "ok")
GAUGE_CELLS = 6
NAME_CELLS = 13
"""Of what stands before availability."""


def step_lines(run: ChaosView, now_ns: int, width: int, height: int) -> list[Line]:
    """The load and the steps; where there is no room for all, those around the last one begun."""
    if not run.steps and not run.load:
        return [fill([(f" {run.phase} …" if not run.is_over else f" {run.phase}", "dim")], width)]
    load: Line = [(" ✓ ", "good"), (f"{'load':>6}  ", "dim"), (run.load, "")]
    lines = [fill(load, width), *(_step_line(run, each, now_ns, width) for each in run.steps)]
    top = min(max(run.begun + 2 - height, 0), max(len(lines) - height, 0))
    return window(lines, top, width, height)


def _step_line(run: ChaosView, step: StepView, now_ns: int, width: int) -> Line:
    sign, style = SIGNS[step.state]
    named = f" as {step.name}" if step.name else ""
    if step.state == "waiting":
        line: Line = [(" " * 11, ""), (f"{step.line}{named}", "dim")]
        return both_ends(line, [(f"  {step.when} ", "dim")], width)
    at = f"{step.began_ms / 1000:5.1f}s"
    line = [(f" {sign} ", style), (f"{at}  ", "dim"), (f"{step.line}{named}", "")]
    return both_ends(line, _state_of(run, step, now_ns), width)


def _state_of(run: ChaosView, step: StepView, now_ns: int) -> Line:
    """What there is to say of it at the right edge."""
    hits: Line = [] if not step.hits else [(f"  ×{number(step.hits)}", "dim")]
    if step.state == "void":
        return [(f"  {step.why_not} ", "warn")]
    if step.state == "running":
        left_ms = run.left_ms(step, now_ns)
        lasts_ms = max(left_ms + run.elapsed_ms(now_ns) - step.began_ms, 1)
        bar = gauge(1 - left_ms / lasts_ms, GAUGE_CELLS)
        return [*hits, (f"  {bar}", "accent"), (f" {duration(left_ms / 1000):>5} ", "bold")]
    if step.ended_ms is not None:
        return [*hits, (f"  {duration((step.ended_ms - step.began_ms) / 1000)} ", "dim")]
    return [*hits, (" ", "")]


def state_lines(run: ChaosView, width: int, height: int) -> list[Line]:
    """First what matters most: the verdict, what was found, then how the cluster could be used."""
    lines = [*_verdict_lines(run, width), *(_use_line(*each, width) for each in _uses(run))]
    if run.counts:
        words = "  ".join(f"{number(run.counts[name])} {name}" for name in ("ok", "fail", "info"))
        lines.append([(f" {'operations':<{NAME_CELLS}}", "dim"), (words, "")])
    if run.checks:
        checks = sorted(run.checks, key=lambda each: _ORDER.index(each.verdict))
        lines += [_checked(*VERDICTS[each.verdict], each.name, each.text) for each in checks]
    else:
        lines += [_checked("✗", "bad bold", rule, text) for rule, text in run.broken.items()]
        lines += _rule_lines(run)
    if not run.is_over:
        lines += [_checked("…", "dim", name, "at the end") for name in run.at_end]
    return window([fill(line, width) for line in lines], 0, width, height)


def told(run: ChaosView) -> str:
    """All that came of one that is over, as text without columns of a width."""
    lines = [f"{run.name}  seed {run.seed}  {run.load}"] if run.steps else []
    lines += [_told_step(each) for each in run.steps if each.state != "waiting"]
    checks = run.checks or [Check(rule, "failed", text) for rule, text in run.broken.items()]
    lines += [f"{each.verdict}: {each.name.replace('_', ' ')}  {each.text}" for each in checks]
    lines.append(f"{run.verdict or run.phase}: {run.why}")
    return "\n".join([*lines, f"report  {run.report}"] if run.verdict else lines)


def _told_step(step: StepView) -> str:
    lasted_ms = None if step.ended_ms is None else step.ended_ms - step.began_ms
    lasted = "" if lasted_ms is None else f"for {duration(lasted_ms / 1000)}"
    hits = f"×{number(step.hits)}" if step.hits else ""
    words = (f"{step.began_ms / 1000:5.1f}s", step.line, step.why_not or lasted, hits)
    return "  ".join(filter(None, words))


def _verdict_lines(run: ChaosView, width: int) -> list[Line]:
    if not run.is_over:
        return []
    sign, style = VERDICTS.get(run.verdict, ("✗", "warn"))
    words = f"{run.verdict or run.phase}: {run.why}"
    rows = wrap(words, max(width - 4, 1))
    report = wrap(f"report  {run.report}", max(width - 4, 1)) if run.verdict else []
    first, *rest = rows
    return [
        [(f" {sign} ", style), (first, style)],
        *([("   ", ""), (row, style)] for row in rest),
        *([("   ", ""), (row, "dim")] for row in report),
    ]


def _uses(run: ChaosView) -> list[tuple[str, Use]]:
    uses = [("writes", run.write), ("reads", run.read)]
    return [(name, use) for name, use in uses if use.seconds]


def _use_line(name: str, use: Use, width: int) -> Line:
    said = f" {use.share:6.1%}  max gap {milliseconds(use.gap_ms)} "
    room = max(min(width - NAME_CELLS - 1 - len(said), 30), 0)
    shares = list(use.shares)[-room:] if room else []
    line: Line = [(f" {name:<{NAME_CELLS}}", "dim")]
    line += [(SPARKS[round(share * 7)], _style_of(share)) for share in shares]
    return [*line, (said, "bold")]


def _style_of(share: float) -> str:
    return "good" if share > 0.99 else "warn" if share > 0 else "bad"


def _rule_lines(run: ChaosView) -> list[Line]:
    told = {
        "one_leader_per_term": _counted(run.counts.get("terms", 0), "leader"),
        "committed_is_immutable": f"up to entry {number(run.counts.get('committed'))}",
    }
    return [
        _checked("✓", "good", rule, told.get(rule, ""))
        for rule in run.rules
        if run.counts and rule not in run.broken
    ]


def _counted(count: int, what: str) -> str:
    return f"{number(count)} {what}{'' if count == 1 else 's'}"


def _checked(sign: str, style: str, name: str, text: str) -> Line:
    words = name.replace("_", " ")
    return [(f" {sign} ", style), (f"{words:<22}", ""), (f" {text}", "dim")]


def preset_line(preset: Preset, width: int, *, is_chosen: bool, fits: bool) -> Line:
    """In the list to choose from."""
    mark = ("▸ ", "chosen bold") if is_chosen else ("  ", "")
    style = "bold" if is_chosen else "" if fits else "dim"
    words = f"{_counted(preset.nodes, 'node'):>8}  {duration(preset.seconds):>5}"
    room = max(width - 2 - len(words), 0)
    return [mark, (fit(preset.name, room), style), (words, "dim" if fits else "warn")]
