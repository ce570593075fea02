"""Chaos in the viewer: what a run's documents come to, which scenario, its pane, and its end."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import Any

import psutil
import pytest

from tests.tui.chaosruns import (
    BROKEN,
    ENDED,
    PLAN,
    REFUSED,
    UNDER_WAY,
    WHOLE,
    printed,
    second,
    verdict,
)
from tests.tui.frames import live_cluster
from tests.tui.pilot import Viewer, view
from tests.tui.test_replay import short_film
from tui.chaos import SECONDS_MAX, ChaosView, Preset
from tui.drawing.chaos import state_lines, step_lines
from tui.drawing.text import Line
from tui.runner import Outcome, Subprocesses

S = 1_000_000_000
PRESETS = (
    Preset("smoke", "A follower dies, and nothing is lost.", 3, 10.0),
    Preset("cut", "The leader is alone for a while.", 5, 20.0),
)
CUT = "chaos run -c demo -o jsonl -q -- cut"


def folded(text: str, now_ns: int = 0) -> ChaosView:
    run = ChaosView("cut")
    run.feed(text, now_ns)
    return run


def shown(lines: list[Line]) -> str:
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


# -- what the documents come to --------------------------------------------------------------------
def test_steps_wait_run_and_are_done() -> None:
    run = folded(printed(*UNDER_WAY))
    assert [step.state for step in run.steps] == ["running", "done", "waiting"]
    assert run.steps[0].line == "partition n3 / n1,n2,n4,n5"
    assert run.steps[0].hits == 577
    assert run.begun == 2
    run.feed(printed(ENDED), 0)
    assert run.steps[0].state == "done"
    assert run.steps[0].ended_ms == 6040.0


def test_a_step_that_did_nothing_says_why() -> None:
    run = folded(printed(*WHOLE))
    assert (run.steps[2].state, run.steps[2].why_not) == ("void", "n4 does not run")
    assert "? " in shown(step_lines(run, 0, 80, 9))
    assert "n4 does not run" in shown(step_lines(run, 0, 80, 9))


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_documents_may_be_cut_anywhere(size: int) -> None:
    text = printed(*WHOLE, verdict())
    run = ChaosView("cut")
    for at in range(0, len(text), size):
        run.feed(text[at : at + size], 0)
    whole = folded(text)
    assert (run.steps, run.counts, run.verdict) == (whole.steps, whole.counts, "ok")


def test_the_time_of_a_run_is_that_of_the_earliest_word() -> None:
    run = ChaosView("cut")
    run.feed(printed(PLAN), 10 * S)
    run.feed(printed(second(3)), 13 * S - S // 10)
    assert run.elapsed_ms(15 * S) == pytest.approx(5100)
    run.feed(printed(UNDER_WAY[3]), 13 * S)
    assert run.left_ms(run.steps[0], 13 * S) == pytest.approx(2931.5, abs=1)
    run.end(130, 14 * S)
    assert run.elapsed_ms(99 * S) == pytest.approx(4100)


def test_availability_is_that_of_all_seconds_and_few_are_kept() -> None:
    assert folded(printed(PLAN)).write.share is None
    run = folded(printed(PLAN, second(1), second(2, 0.5, 0.0, 900.0)))
    assert (run.write.share, run.read.share, run.write.gap_ms) == (0.75, 0.5, 900.0)
    for at in range(SECONDS_MAX + 5):
        run.feed(printed(second(at)), 0)
    assert len(run.write.shares) == SECONDS_MAX


def test_broken_rules_and_failed_checks_come_first() -> None:
    run = folded(printed(*UNDER_WAY))
    assert "✓ one leader per term    2 leaders" in shown(state_lines(run, 60, 20))
    broken = second(6)
    broken.broken = [BROKEN]
    run.feed(printed(broken), 0)
    text = shown(state_lines(run, 60, 20))
    assert "✗ one leader per term    n1 and n2 both led term 3" in text
    assert text.count("one leader per term") == 1
    run.feed(printed(verdict("failed", "not the same")), 0)
    run.end(7, 0)
    text = shown(state_lines(run, 60, 20))
    assert text.startswith(" ✗ failed: not the same")
    assert text.index("converged") < text.index("linearizable")


def test_what_is_no_document_of_a_run_is_kept_as_the_reason() -> None:
    run = folded("no such thing\n[1]\n")
    run.end(1, 0)
    assert (run.phase, run.why) == ("did not begin", "no such thing")
    refused = folded(printed(REFUSED))
    refused.end(6, 0)
    assert refused.why == "the scenario is about 5 nodes, and demo has 3: --set nodes=3"


# -- choosing --------------------------------------------------------------------------------------
class Staged:
    """A runner whose run goes on until the test, or whoever asks it to stop, ends it."""

    def __init__(self, viewer: Viewer, end_code: int = 130) -> None:
        self.ran: list[str] = []
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.show: Callable[[str], None] = lambda _: None
        self._end_code = end_code
        viewer.app.runner = self

    async def run(
        self,
        arguments: Sequence[str],
        on_output: Callable[[str], None] | None = None,
        stop: asyncio.Event | None = None,
        into: str = "",
    ) -> Outcome:
        assert on_output is not None
        assert stop is not None
        self.ran.append(" ".join(arguments))
        self.show = on_output
        stopped = asyncio.ensure_future(stop.wait())
        either: list[asyncio.Future[Any]] = [stopped, self.outcome]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if self.outcome.done():
            return self.outcome.result()
        return Outcome(self._end_code, "", "", 1.0)

    def end(self, code: int, text: str = "") -> None:
        self.show(text)
        self.outcome.set_result(Outcome(code, text, "", 20.0))


async def begin(viewer: Viewer) -> Staged:
    """The run of `cut`, begun by keys."""
    staged = Staged(viewer)
    await viewer.press("c", "enter", "y")
    return staged


def test_a_scenario_is_chosen_and_asked_about_before_it_runs() -> None:
    async def test(viewer: Viewer) -> None:
        staged = Staged(viewer)
        await viewer.press("c")
        assert viewer.dialog == "Scenarios"
        assert "▸ cut" in viewer.screen_text(), "the first one that fits"
        assert f"raftctl {CUT}" in viewer.screen_text()
        await viewer.press("enter")
        assert viewer.dialog == "Ask"
        assert "cut breaks nodes and links of demo for 20s" in viewer.screen_text()
        await viewer.press("enter")
        assert (viewer.dialog, staged.ran) == ("", []), "No by itself"
        await viewer.press("c", "enter", "y")
        assert staged.ran == [CUT]
        assert "starting" in viewer.screen_text()

    view(test, presets=lambda: PRESETS)


def test_a_scenario_about_another_number_of_nodes_is_refused() -> None:
    async def test(viewer: Viewer) -> None:
        staged = Staged(viewer)
        await viewer.press("c", "up")
        assert "it is about 3 nodes, and this cluster has 5" in viewer.screen_text()
        await viewer.press("enter")
        assert (viewer.dialog, staged.ran) == ("Scenarios", [])

    view(test, presets=lambda: PRESETS)


def test_any_file_can_be_given() -> None:
    async def test(viewer: Viewer) -> None:
        staged = Staged(viewer)
        await viewer.press("c", "f", *"my.toml", "enter")
        assert viewer.dialog == "Ask"
        await viewer.press("y")
        assert staged.ran == ["chaos run -o jsonl -q -- my.toml"]

    view(test, presets=lambda: PRESETS, line="raftctl -c demo")


def test_who_may_change_nothing_is_not_offered_it() -> None:
    async def test(viewer: Viewer) -> None:
        assert "c chaos" not in viewer.text("keys")
        await viewer.press("c")
        assert viewer.dialog == ""

    view(test, presets=lambda: PRESETS, read_only=True)
    view(test, film=short_film())


# -- the pane --------------------------------------------------------------------------------------
def test_the_pane_shows_the_run_and_its_verdict() -> None:
    async def test(viewer: Viewer) -> None:
        staged = await begin(viewer)
        staged.show(printed(*UNDER_WAY))
        await viewer.settle()
        steps, state = viewer.text("steps"), viewer.text("state")
        assert "✓   load  cas 120/s" in steps
        assert "▶   2.0s  partition n3" in steps
        assert "alone.healed + 2s" in steps
        assert "writes" in state
        assert "90.4%  max gap 480ms" in state
        assert "linearizable           at the end" in state
        assert "n3" in viewer.text("nodes")
        staged.show(printed(*WHOLE[len(UNDER_WAY) :], verdict()))
        staged.end(0)
        await viewer.settle()
        state = viewer.text("state")
        assert "ok: 3 checks hold" in state
        assert "20261128T140200-cut-42/report.html" in state.replace("\n   ", "")
        assert f"$ raftctl {CUT}  ✓ ok: 3 checks hold" in viewer.text("echo")
        assert "abort" not in viewer.screen_text()

    view(test, presets=lambda: PRESETS)


def test_it_goes_on_while_one_looks_away_and_c_comes_back() -> None:
    async def test(viewer: Viewer) -> None:
        staged = await begin(viewer)
        await viewer.press("escape")
        staged.show(printed(*UNDER_WAY))
        await viewer.settle()
        assert "partition n3" not in viewer.screen_text()
        await viewer.press("c")
        assert "partition n3" in viewer.text("steps")
        await viewer.press("c")
        assert "has not ended yet" in viewer.told
        await viewer.press("escape")
        staged.show(printed(verdict("failed", "converged: no")))
        staged.end(7)
        await viewer.settle()
        assert "failed: converged: no" in viewer.told
        await viewer.press("c")
        assert "failed: converged: no" in viewer.text("state")
        await viewer.press("c")
        assert viewer.dialog == "Scenarios", "and then another one"

    view(test, presets=lambda: PRESETS)


def test_a_run_is_ended_by_its_key_which_is_another_ones_afterwards() -> None:
    async def test(viewer: Viewer) -> None:
        staged = await begin(viewer)
        staged.show(printed(*UNDER_WAY))
        await viewer.press("a")
        await viewer.settle()
        assert viewer.app.chaos is not None
        assert not viewer.app.chaos_is_on
        assert "ended before its time: what it did is healed" in viewer.text("state")
        assert "at the end" not in viewer.text("state"), "what is not made any more"
        assert "a applied" in viewer.text("keys")
        await viewer.press("a")
        assert "applied entries" in viewer.screen_text()

    view(test, presets=lambda: PRESETS)


def test_what_ran_last_tells_a_run_in_words() -> None:
    async def test(viewer: Viewer) -> None:
        staged = await begin(viewer)
        staged.end(7, printed(*WHOLE, verdict("failed", "n2 is behind")))
        await viewer.settle()
        await viewer.press("O")
        assert viewer.dialog == "LastLine"
        shown = viewer.screen_text()
        assert "schema" not in shown
        assert "2.0s  partition n3 / n1,n2,n4,n5  for 4.0s  ×577" in shown
        assert "8.1s  kill n4  n4 does not run" in shown
        assert "ok: linearizable  2,310 operations on 20 keys" in shown
        assert "failed: n2 is behind" in shown
        assert "exit 7, 20.0s" in shown

    view(test, presets=lambda: PRESETS)


def test_a_refusal_of_the_command_is_told_in_the_pane() -> None:
    async def test(viewer: Viewer) -> None:
        staged = await begin(viewer)
        staged.end(6, printed(REFUSED))
        await viewer.settle()
        assert "did not begin: the scenario is about 5 nodes" in viewer.text("state")
        await viewer.press("O")
        assert "did not begin: the scenario is about 5 nodes" in viewer.screen_text()
        assert "E_SIZE" not in viewer.screen_text()

    view(test, presets=lambda: PRESETS)


def test_leaving_the_viewer_asks_and_ends_the_run_first() -> None:
    async def test(viewer: Viewer) -> None:
        await begin(viewer)
        run = viewer.app.chaos
        assert run is not None
        await viewer.press("q")
        assert viewer.dialog == "Ask"
        await viewer.press("n")
        assert viewer.app.chaos_is_on
        await viewer.press("q")
        await viewer.pilot.press("y")
        leaving = [worker for worker in viewer.app.workers if worker.group == "leaving"]
        await viewer.app.workers.wait_for_complete(leaving)
        assert run.is_over
        assert viewer.app._exit

    view(test, presets=lambda: PRESETS)


ENDLESS = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"


def test_a_viewer_that_is_gone_leaves_no_run_behind() -> None:
    found: list[psutil.Process] = []

    class Real(Subprocesses):
        async def run(
            self,
            arguments: Sequence[str],
            on_output: Callable[[str], None] | None = None,
            stop: asyncio.Event | None = None,
            into: str = "",
        ) -> Outcome:
            return await super().run(
                [], lambda text: found.append(psutil.Process(int(text))), stop, into
            )

    async def test(viewer: Viewer) -> None:
        viewer.app.runner = Real([sys.executable, "-c", ENDLESS])
        await viewer.press("c", "enter", "y")
        async with asyncio.timeout(20):
            while not found:
                await viewer.pilot.pause(0.01)
        viewer.app.action_help_quit()
        async with asyncio.timeout(20):  # here, since a loop that is closed forgets its children
            while found[0].is_running():  # noqa: ASYNC110 - it cannot set an event
                await asyncio.sleep(0.01)

    view(test, presets=lambda: PRESETS)
    assert not found[0].is_running()


@pytest.mark.parametrize("size", [(104, 32), (80, 24), (60, 15)])
def test_the_pane_fits_its_terminal(size: tuple[int, int]) -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("c")
        assert "▸ cut" in viewer.screen_text()
        assert CUT in viewer.screen_text()
        staged = Staged(viewer)
        await viewer.press("enter", "y")
        staged.show(printed(*UNDER_WAY))
        await viewer.settle()
        text = viewer.screen_text()
        for words in ("partition n3", "writes", "max gap", "a abort, heal"):
            assert words in text
        staged.show(printed(verdict()))
        staged.end(0)
        await viewer.settle()
        assert "ok: 3 checks hold" in viewer.screen_text()

    view(test, live_cluster(), size=size, presets=lambda: PRESETS)
