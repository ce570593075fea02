"""The part of the app that changes a cluster: by command lines, shown, and taken back on demand."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from tui import actions
from tui.actions import Action, Refusal
from tui.drawing.moment import Moment
from tui.drawing.text import Line, printable
from tui.healing import heal_all
from tui.nodes import STALE_NS, NodeView
from tui.paging import PagingApp
from tui.runner import Outcome, Runner, as_typed
from tui.script import LINES_MAX, Ran, fault_made, script_of
from tui.takeback import take_back
from tui.undo import FAULT_NUMBER, Undo

UNDOS_MAX = 20
UNDO_TRIES_MAX = 2
"""So often an undo may fail before what lies below it has its turn."""
UNDO = "undo"
"""The title of the notice that says what the key would take back."""
NOT_FOUND = 9
"""The exit code that there is no such fault, node or member: nothing is left to take back."""
SHOWS_NS = STALE_NS
"""So long after a command ended the model may still show a node alive that it took away."""
Ended = Callable[[Outcome], None]


class Last(NamedTuple):
    """A command line as typed; `outcome` is None as long as it runs."""

    command: str
    outcome: Outcome | None = None


ON_NODE: Mapping[str, Callable[[Moment, NodeView], Action]] = {
    "toggle": actions.stop_or_start,
    "kill": actions.kill,
    "pause": actions.pause_or_resume,
    "restart": actions.restart,
    "transfer": actions.transfer,
}


class ActingApp(PagingApp):
    """`echo` is the line about the last command."""

    cluster_name: str

    def __init__(self, runner: Runner, line: str) -> None:
        """`line`: how a command line about the cluster begins."""
        # Without colours Textual would paint in shades of grey, but for a terminal's own colours.
        super().__init__(ansi_color="NO_COLOR" in os.environ)
        self.runner = runner
        self.line = line
        self.echo: Line = []
        self.last: Last | None = None
        """The last line that ran."""
        self._undos: list[Undo] = []
        self._not_undone = ""
        """The last action as typed, if nothing takes it back."""
        self._failed: tuple[Undo, int] | None = None
        """The undo that failed last, and how often it did."""
        self._under_way: list[Action] = []
        self._ran: list[Ran] = []
        self._opened = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
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

    def action_act(self, what: str) -> None:
        """An action on the chosen node, or on all faults."""
        if what == "heal":
            self.consider(heal_all(self.live))
        elif (view := self.target) is not None:
            why = actions.hindrance(self.live, what, view)
            self.consider(Refusal(why) if why else ON_NODE[what](self.live, view))

    def is_possible(self, binding_id: str) -> bool:
        """Whether the key makes sense for the chosen node as it is now."""
        what, view = binding_id.rpartition(".")[2], self.target
        if what not in ON_NODE or view is None:
            return True
        return not actions.hindrance(self.live, what, view)

    def action_partition(self) -> None:
        from tui.screens.partition import PartitionEditor

        if self._is_allowed():
            view = self.target
            chosen = None if view is None else view.node_id
            self.push_screen(PartitionEditor(lambda: self.live, chosen), self.consider_it)

    def action_net(self) -> None:
        from tui.screens.forms import net_form

        if self._is_allowed():
            view = self.target
            link = f"{view.name}:rest" if view is not None else ""
            self.push_screen(net_form(link, self.line, lambda: self.live))

    def action_put(self) -> None:
        from tui.screens.forms import put_form

        if self._is_allowed():
            self.push_screen(put_form(self.line))

    def action_bench(self) -> None:
        from tui.screens.running import Bench

        if self._is_allowed():
            self.push_screen(Bench(self.line))

    def action_undo(self) -> None:
        if not self._is_allowed():
            return
        if any(action.takes_back for action in self._under_way):
            self.notify("what is taken back now has not ended yet")
        elif not self._undos:
            self.notify("there is nothing to take back")
        else:
            action = take_back(self.live, self._undos[-1])
            if self._not_undone:
                words = f"nothing takes back {self._not_undone}; take back what was before that?"
                action = replace(action, question=". ".join(filter(None, (words, action.question))))
            self.consider(action)

    def forget_actions(self) -> None:
        """The cluster is another one: there is nothing to take back in it."""
        self._undos = []
        self._not_undone = ""
        self._gone = {}

    def _is_allowed(self) -> bool:
        if self.refusal:
            self.notify(self.refusal, severity="warning", markup=False)
        return not self.refusal

    def consider_it(self, action: Action | None) -> None:
        """What came of an editor, if anything did."""
        if action is not None:
            self.consider(action)

    def is_under_way(self, action: Action) -> bool:
        return action in self._under_way

    def consider(self, action: Action | Refusal, ended: Ended | None = None) -> None:
        """Run it; one that would lose the quorum only when asked for once more. `ended` is told
        what came of it.
        """
        if isinstance(action, Refusal):
            if self._is_allowed():
                self.notify(action.why, severity="warning", markup=False)
        elif not action.only_reads and not self._is_allowed():
            return
        else:
            self.ask_first(action, lambda action: self._perform(action, ended))

    def ask_first(self, action: Action, run: Callable[[Action], object]) -> None:
        """Run it so, once its question is answered with yes."""
        if not action.question:
            run(action)
            return
        from tui.screens.dialogs import Ask

        def answer(yes: bool | None) -> None:
            if yes:
                run(action)

        self.push_screen(Ask(action.question, action.typed(self.line)), answer)

    def _perform(self, action: Action, ended: Ended | None) -> None:
        if action.takes_back is not None:
            self._not_undone = ""
        if not action.only_reads:
            self.untell(lambda notice: notice.title == UNDO)  # it is about the action before
        # From now on, not from when the worker has its turn: the next key may come before that.
        self._under_way.append(action)
        self.run_worker(self._run(action, ended), group="actions")

    async def _run(self, action: Action, ended: Ended | None) -> None:
        outcome = await self._run_line(action)
        if ended is not None:
            ended(outcome)
        if outcome.code:
            self.notify(printable(outcome.said.strip())[:400], severity="error", markup=False)

    async def run_in_pane(
        self, action: Action, show: Callable[[str], None], stop: asyncio.Event | None
    ) -> Outcome:
        """Run it where what it prints is shown. It counts as what keys do: in the footer, for the
        script, and for what is taken back.
        """
        self._under_way.append(action)
        try:
            return await self._run_line(action, show, stop)
        except asyncio.CancelledError:
            # What it did of its work is not known.
            command = action.typed(self.line)
            self.echo = [(f" $ {command} ", "bold"), (" ✗ ended", "bad")]
            self._note_gone(action, good=False)
            if not action.only_reads:
                self._not_undone = command
            raise

    async def _run_line(
        self,
        action: Action,
        show: Callable[[str], None] | None = None,
        stop: asyncio.Event | None = None,
    ) -> Outcome:
        command = action.typed(self.line)
        self.last = Last(command)
        self._say([(f" $ {command}", "bold"), ("  …", "dim")])
        try:
            outcome = await self.runner.run(action.arguments, show, stop, action.into)
        finally:
            self._under_way = [each for each in self._under_way if each is not action]
        good = outcome.code == 0
        self.last = Last(command, outcome)
        self._note_gone(action, good)
        if not action.only_reads:
            self._note_ran(action, outcome)
        sign = (" ✓ ", "good") if good else (f" ✗ exit {outcome.code} ", "bad")
        headline = f"wrote {action.into}" if good and action.into else outcome.headline
        words = (printable(headline), "" if good else "bad")
        self._say([(f" $ {command} ", "bold"), sign, words, (f"  {outcome.seconds:.1f}s", "dim")])
        self._remember_undo(action, outcome)
        return outcome

    def _note_gone(self, action: Action, good: bool) -> None:
        # What a command that failed did of its work is not known.
        gone = action.takes - action.brings if good else action.takes
        back = action.brings if good else frozenset()
        now_ns = self.live.now_ns
        stay = {node_id: at for node_id, at in self._gone.items() if node_id not in back}
        self._gone = stay | dict.fromkeys(gone, now_ns + SHOWS_NS)

    def _remember_undo(self, action: Action, outcome: Outcome) -> None:
        if outcome.code:
            if action.takes_back is not None:
                self._undo_failed(action.takes_back, outcome.code)
            return
        if action.takes_back is not None:
            self._drop_undo(action.takes_back)
            before, found = action.takes_back.put_back, FAULT_NUMBER.search(outcome.printed)
            if before and found is not None:
                self._undos = [each.renumbered(before, found[1]) for each in self._undos]
            if (then := action.takes_back.then) is not None:
                self._undos = [*self._undos, then]
                self.consider(take_back(self.live, then))
        undo = None if action.undo is None else action.undo.after(outcome.printed)
        if undo is not None:
            self._undos = [*self._undos, undo][-UNDOS_MAX:]
            words = f"u: {as_typed(self.line, undo.arguments)}"
            if undo.lines > 1:
                words += f", and {undo.lines - 1} more"
            self.notify(words, title=UNDO, timeout=4, markup=False)
        if action.takes_back is None and not action.only_reads:
            self._not_undone = "" if undo is not None else action.typed(self.line)

    def _undo_failed(self, undo: Undo, code: int) -> None:
        times = 1 + (self._failed[1] if self._failed is not None and self._failed[0] is undo else 0)
        self._failed = undo, times
        if code == NOT_FOUND or times >= UNDO_TRIES_MAX:
            self._drop_undo(undo)
            self.notify("that is not taken back any more: u takes back what was before")

    def _drop_undo(self, undo: Undo) -> None:
        # Another action may have ended since: it lies on top then.
        self._undos = [each for each in self._undos if each is not undo]

    def _say(self, echo: Line) -> None:
        self.echo = echo
        self.paint()

    def action_last_line(self) -> None:
        from tui.screens.dialogs import LastLine

        if self.last is None:
            self.notify("no line has run yet")
        else:
            self.push_screen(LastLine(self.last))

    def open_command(self, begin: str) -> None:
        """A line to complete and run."""
        from tui.screens.running import Command

        self.push_screen(Command(f"{begin} ", self.line))

    # -- what was done -----------------------------------------------------------------------------
    def _note_ran(self, action: Action, outcome: Outcome) -> None:
        """For the script of what was done."""
        began = time.time() - outcome.seconds
        made = fault_made(action.arguments, outcome)
        ran = Ran(self.line, action.arguments, began, outcome.code, made)
        self._ran = [*self._ran, ran][-LINES_MAX:]

    def action_save_script(self) -> None:
        if not self._ran:
            self.notify("nothing was done yet")
        elif self.may_write_files("save it"):
            name = self.file_name("done", "sh")
            try:
                with open(name, "x", encoding="utf-8", opener=_for_its_owner) as file:
                    file.write(script_of(self._ran, self.cluster_name))
            except (OSError, UnicodeEncodeError) as error:
                self.notify(f"cannot write {name}: {error}", severity="error", markup=False)
            else:
                self.notify(f"saved {name}: {len(self._ran)} lines", markup=False)

    def action_save_scenario(self) -> None:
        """Of whatever was done to the cluster meanwhile, here and elsewhere."""
        from tui.screens.forms import scenario_form

        if self._is_allowed() and self.may_write_files("save it"):
            form = scenario_form(self.file_name("", "toml"), self._opened, self.line)
            self.push_screen(form, self.consider_it)

    def action_screenshot_svg(self) -> None:
        if not self.may_write_files("take a picture of its window, or save it"):
            return
        name = self.file_name("", "svg")
        try:
            self.save_screenshot(filename=name, path=".")
        except OSError as error:
            words = f"cannot write {name}: {error.strerror}"
            self.notify(words, severity="error", markup=False)
        else:
            self.notify(f"saved {name}", markup=False)

    def may_write_files(self, what: str) -> bool:
        """Whether the folder is that of whoever looks; in a browser it is the server's."""
        if self.is_web:
            self.notify(f"a browser has no folder here: {what} in a terminal", severity="warning")
        return not self.is_web

    def file_name(self, what: str, suffix: str) -> str:
        """A file in the current folder."""
        words = ("raftctl", self.cluster_name, what, f"{datetime.now():%H%M%S}")
        return f"{'-'.join(filter(None, words))}.{suffix}"


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
