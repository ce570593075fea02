"""The part of the app that runs chaos scenarios on the cluster, and goes on while one looks away.

The run is a subprocess. Asked to end, it ends its faults, brings back what it killed, and ends: so
does it when the viewer is gone, and nobody reads what it prints any more.
"""

import asyncio
import shlex
from collections.abc import Callable, Sequence

from tui.acting import ActingApp, Last
from tui.actions import Action, Refusal
from tui.chaos import ChaosView, Preset
from tui.drawing.chaos import told
from tui.drawing.text import duration, printable
from tui.runner import Runner


class ChaosApp(ActingApp):
    """`chaos` is the run that goes on, or the last one."""

    def __init__(self, runner: Runner, line: str, presets: Callable[[], Sequence[Preset]]) -> None:
        """`presets`: the scenarios that ship; asked when somebody wants to choose."""
        super().__init__(runner, line)
        self.chaos: ChaosView | None = None
        self._presets = presets
        self._stop_chaos = asyncio.Event()

    @property
    def chaos_is_on(self) -> bool:
        return self.chaos is not None and not self.chaos.is_over

    @property
    def shows_chaos(self) -> bool:
        """Whether the page of the run is open."""
        from tui.screens.chaos import ChaosPage

        return any(isinstance(each, ChaosPage) for each in self.screen_stack)

    # -- choosing ----------------------------------------------------------------------------------
    def action_chaos(self) -> None:
        """The run that goes on, or that was not seen to its end; else which scenario."""
        if not self._is_allowed():
            return
        if self.chaos is not None and not self.shows_chaos:
            self.action_show("chaos")
        elif self.chaos_is_on:
            self.notify("this run has not ended yet")
        else:
            from tui.screens.chaos import Scenarios

            self.push_screen(
                Scenarios(self._presets(), self._chaos_action, self.line), self._consider_chaos
            )

    def _chaos_action(self, what: str, preset: Preset | None) -> Action | Refusal:
        """To run it on this cluster, whatever cluster the line is about by itself."""
        nodes = len(self.live.model.nodes)
        if preset is not None and preset.nodes != nodes:
            return Refusal(f"it is about {preset.nodes} nodes, and this cluster has {nodes}")
        is_named = "-c" in shlex.split(self.line)
        on = () if is_named else ("-c", self.cluster_name)
        lasting = "" if preset is None else f" for {duration(preset.seconds)}"
        question = f"{what} breaks nodes and links of {self.cluster_name}{lasting}, and writes keys"
        arguments = ("chaos", "run", *on, "-o", "jsonl", "-q", "--", what)
        return Action(arguments, question=f"{question}. At its end all is healed")

    def _consider_chaos(self, action: Action | None) -> None:
        if action is not None and self._is_allowed():
            self.ask_first(action, self._start_chaos)

    # -- running -----------------------------------------------------------------------------------
    def _start_chaos(self, action: Action) -> None:
        if self.chaos_is_on:
            return
        self.chaos = ChaosView(action.arguments[-1])
        self._stop_chaos = asyncio.Event()
        self.run_worker(self._run_chaos(action, self.chaos), group="chaos")
        if not self.shows_chaos:
            self.action_show("chaos")

    async def _run_chaos(self, action: Action, run: ChaosView) -> None:
        def show(printed: str) -> None:
            run.feed(printed, self.live.now_ns)
            self.paint()

        outcome = await self.run_in_pane(action, show, self._stop_chaos)
        run.end(outcome.code, self.live.now_ns)
        # What it printed is for programs.
        self.last = Last(action.typed(self.line), outcome._replace(printed=told(run), said=""))
        sign = (" ✓ ", "good") if run.verdict == "ok" else (" ✗ ", "bad")
        said = printable(f"{run.verdict or run.phase}: {run.why}")
        self._say([(f" $ {action.typed(self.line)} ", "bold"), sign, (said, "")])
        if not self.shows_chaos:
            self.notify(said[:400], title=f"chaos {run.name}", markup=False)

    def abort_chaos(self) -> None:
        """End it before its time; what it did is healed."""
        if self.chaos is not None and self.chaos_is_on:
            self.chaos.phase = "ending"
            self._stop_chaos.set()
            self.paint()

    # -- leaving -----------------------------------------------------------------------------------
    def action_leave(self) -> None:
        """A run ends with the viewer, and is asked about first."""
        if not self.chaos_is_on:
            self.exit()
            return
        from tui.screens.dialogs import Ask

        def answer(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._leave_healed(), group="leaving", exclusive=True)

        assert self.chaos is not None, "it is on"
        words = f"chaos {self.chaos.name} is under way: leaving ends it, and heals what it did"
        self.push_screen(Ask(words, ""), answer)

    async def _leave_healed(self) -> None:
        self.notify("the run is ended, and healed")
        self.abort_chaos()
        await self.workers.wait_for_complete(
            [worker for worker in self.workers if worker.group == "chaos"]
        )
        self.exit()
