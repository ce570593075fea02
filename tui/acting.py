"""The part of the app that changes a cluster: by command lines, shown, and taken back on demand."""

import os
from collections.abc import Callable, Mapping

from textual.app import App

from tui import actions
from tui.actions import Action, Refusal
from tui.drawing.moment import Moment
from tui.drawing.text import Line, printable
from tui.nodes import STALE_NS, NodeView
from tui.runner import Outcome, Runner, as_typed

UNDOS_MAX = 20
SHOWS_NS = STALE_NS
"""So long after a command ended the model may still show a node alive that it took away."""
ON_NODE: Mapping[str, Callable[[Moment, NodeView], Action | Refusal]] = {
    "toggle": actions.stop_or_start,
    "kill": actions.kill,
    "pause": actions.pause_or_resume,
    "restart": actions.restart,
    "transfer": actions.transfer,
}


class ActingApp(App[None]):
    """`echo` is the line about the last command."""

    def __init__(self, runner: Runner, line: str) -> None:
        """`line`: how a command line about the cluster begins."""
        # Without colours Textual would paint in shades of grey, but for a terminal's own colours.
        super().__init__(ansi_color="NO_COLOR" in os.environ)
        self.runner = runner
        self.line = line
        self.echo: Line = []
        self._undos: list[tuple[str, ...]] = []
        self._under_way: list[Action] = []
        self._gone: dict[int, int] = {}
        """Nodes that were taken away, and up to when the model need not show it."""

    @property
    def live(self) -> Moment:
        """How things are now, whatever picture is held: what is done is done to these nodes."""
        raise NotImplementedError

    def leaving(self, now_ns: int) -> frozenset[int]:
        """The nodes that commands take away, or took away just now. Several keys are pressed sooner
        than the first one's effect is seen.
        """
        gone = (node_id for node_id, until_ns in self._gone.items() if now_ns < until_ns)
        return frozenset(gone).union(*(action.takes for action in self._under_way))

    @property
    def target(self) -> NodeView | None:
        """The chosen node, as it is now."""
        live = self.live
        return None if live.chosen is None else live.model.nodes.get(live.chosen)

    @property
    def refusal(self) -> str:
        """Why nothing may be changed here; empty: it may."""
        raise NotImplementedError

    def paint(self) -> None:
        """Show what changed."""
        raise NotImplementedError

    def action_act(self, what: str) -> None:
        """An action on the chosen node, or on all faults."""
        if what == "heal":
            self.consider(actions.heal())
        elif (view := self.target) is not None:
            self.consider(ON_NODE[what](self.live, view))

    def action_partition(self) -> None:
        from tui.screens.dialogs import PartitionEditor

        if self._is_allowed():
            view = self.target
            chosen = None if view is None else view.node_id
            self.push_screen(PartitionEditor(lambda: self.live, chosen), self._consider_it)

    def action_net(self) -> None:
        from tui.screens.dialogs import net_form

        if self._is_allowed():
            view = self.target
            link = f"{view.name}:rest" if view is not None else ""
            self.push_screen(net_form(link, self.line), self._consider_it)

    def action_put(self) -> None:
        from tui.screens.dialogs import put_form

        if self._is_allowed():
            self.push_screen(put_form(self.line), self._consider_it)

    def action_undo(self) -> None:
        if not self._is_allowed():
            return
        if any(action.is_undo for action in self._under_way):
            self.notify("what is taken back now has not ended yet")
        elif not self._undos:
            self.notify("there is nothing to take back")
        else:
            self.consider(actions.take_back(self.live, self._undos[-1]))

    def forget_actions(self) -> None:
        """The cluster is another one: there is nothing to take back in it."""
        self._undos = []
        self._gone = {}

    def _is_allowed(self) -> bool:
        if self.refusal:
            self.notify(self.refusal, severity="warning")
        return not self.refusal

    def _consider_it(self, action: Action | None) -> None:
        if action is not None:
            self.consider(action)

    def consider(self, action: Action | Refusal) -> None:
        """Run it; one that would lose the quorum only when asked for once more."""
        if not self._is_allowed():
            return
        if isinstance(action, Refusal):
            self.notify(action.why, severity="warning")
        elif action.question:
            from tui.screens.dialogs import Ask

            command = as_typed(self.line, action.arguments)
            self.push_screen(
                Ask(action.question, command), lambda yes: self._perform(action) if yes else None
            )
        else:
            self._perform(action)

    def _perform(self, action: Action) -> None:
        # From now on, not from when the worker has its turn: the next key may come before that.
        self._under_way.append(action)
        self.run_worker(self._run(action), group="actions")

    async def _run(self, action: Action) -> None:
        command = as_typed(self.line, action.arguments)
        self._say([(f" $ {command}", "bold"), ("  …", "dim")])
        try:
            outcome = await self.runner.run(action.arguments)
        finally:
            self._under_way = [each for each in self._under_way if each is not action]
        good = outcome.code == 0
        self._note_gone(action, good)
        sign = (" ✓ ", "good") if good else (f" ✗ exit {outcome.code} ", "bad")
        words = (printable(outcome.headline), "" if good else "bad")
        self._say([(f" $ {command} ", "bold"), sign, words, (f"  {outcome.seconds:.1f}s", "dim")])
        self._remember_undo(action, outcome)

    def _note_gone(self, action: Action, good: bool) -> None:
        # What a command that failed did of its work is not known.
        gone = action.takes - action.brings if good else action.takes
        back = action.brings if good else frozenset()
        now_ns = self.live.now_ns
        stay = {node_id: at for node_id, at in self._gone.items() if node_id not in back}
        self._gone = stay | dict.fromkeys(gone, now_ns + SHOWS_NS)

    def _remember_undo(self, action: Action, outcome: Outcome) -> None:
        if outcome.code:
            self.notify(printable(outcome.said.strip())[:400], severity="error", markup=False)
            return
        if action.is_undo:
            # Another action may have ended since: it lies on top then.
            places = [at for at, undo in enumerate(self._undos) if undo == action.arguments]
            for at in places[-1:]:  # none, when so many ended that it was dropped
                del self._undos[at]
        if undo := action.undo_after(outcome.printed):
            self._undos = [*self._undos, undo][-UNDOS_MAX:]
            self.notify(f"u: {as_typed(self.line, undo)}", title="undo", timeout=4, markup=False)

    def _say(self, echo: Line) -> None:
        self.echo = echo
        self.paint()

    def open_command(self, begin: str) -> None:
        """A line to complete and run."""
        from tui.screens.dialogs import Command

        self.push_screen(Command(f"{begin} ", self.line))
