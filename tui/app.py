"""The viewer: a Textual app that shows a model, and runs command lines.

Frames change the model as they come, and nothing else. Ten times a second, if the model is another
one than was painted, the page on top draws itself anew. So a thousand events cost as much painting
as one, and none is lost.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen
from textual.theme import Theme
from textual.timer import Timer

from node.client.address import ClusterAddress
from tui import actions
from tui.actions import Action, Refusal, Verb
from tui.drawing.moment import Moment
from tui.drawing.text import Line, printable
from tui.keys import BINDINGS, CHANGING, Key, names_of
from tui.model import ClusterModel
from tui.nodes import NodeView
from tui.palette import DAY, NIGHT, Colours
from tui.replay import Film
from tui.runner import Outcome, Runner, as_typed
from tui.screens.overview import Overview
from tui.screens.page import Page, Painted
from tui.stream import LiveFeed, Source
from tui.widgets.panel import Panel

if TYPE_CHECKING:
    from textual.command import Provider

PAINT_SECONDS = 0.1
IDLE_SECONDS = 1.0
"""So often it is painted although nothing changed: ages grow."""
UNDOS_MAX = 20
ON_NODE: Mapping[str, Callable[[Moment, NodeView], Action | Refusal]] = {
    "toggle": actions.stop_or_start,
    "kill": actions.kill,
    "pause": actions.pause_or_resume,
    "restart": actions.restart,
    "transfer": actions.transfer,
}


def _verbs() -> "type[Provider]":
    """What the palette offers beside Textual's own; imported when it is opened."""
    from tui.commands import Verbs

    return Verbs


class RaftApp(App[None]):
    """Shows a live cluster (`source`) or a recording (`film`)."""

    CSS_PATH = "raft.tcss"
    TITLE = "raftctl"
    BINDINGS: ClassVar[list[BindingType]] = [*BINDINGS]
    COMMANDS = App.COMMANDS | {_verbs}

    def __init__(
        self,
        name: str,
        runner: Runner,
        *,
        source: Source | None = None,
        film: Film | None = None,
        line: str = "raftctl",
        verbs: Iterable[Verb] = (),
        keymap: Mapping[str, str] | None = None,
        read_only: bool = False,
        ascii_only: bool = False,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`line`: how a command line about the cluster begins. `keymap`: other keys, by binding id.
        `clock`: the nodes' monotonic clock, in nanoseconds.
        """
        self._themes: dict[str, Theme | None] = {}
        super().__init__()
        self.register_theme(NIGHT)
        self.register_theme(DAY)
        self.theme = NIGHT.name
        self.cluster_name = name
        self.runner = runner
        self.line = line
        self.verbs = tuple(verbs)
        self.film = film
        self.model = ClusterModel() if film is None else film.model
        if film is None:
            self.model.wall_offset_ns = time.time_ns() - time.monotonic_ns()
        self.chosen: int | None = None
        self.pattern = ""
        self.echo: Line = []
        self.read_only = read_only
        self._source = source
        self._keymap_given = dict(keymap or {})
        self._ascii_only = ascii_only
        self._clock = clock
        self._frozen: tuple[ClusterModel, int] | None = None
        self._undos: list[tuple[str, ...]] = []
        self._painted: tuple[object, ...] = ()
        self._ticked_ns = 0
        self._ticker: Timer | None = None

    # -- what pages ask for ------------------------------------------------------------------------
    @property
    def moment(self) -> Moment:
        """What is to be shown now."""
        if self.film is not None:
            model, now_ns = self.film.model, self.film.now_ns
        elif self._frozen is not None:
            model, now_ns = self._frozen
        else:
            model, now_ns = self.model, self._clock()
        return Moment(
            model=model,
            now_ns=now_ns,
            name=self.cluster_name,
            line=self.line,
            chosen=self.chosen,
            pattern=self.pattern,
            replay=self.film is not None,
            frozen=self._frozen is not None,
        )

    @property
    def chosen_view(self) -> NodeView | None:
        return None if self.chosen is None else self.moment.model.nodes.get(self.chosen)

    @property
    def address(self) -> ClusterAddress | None:
        return None if self._source is None else self._source.address

    @property
    def may_act(self) -> bool:
        return self.film is None and not self.read_only

    def is_hidden(self, key: Key) -> bool:
        """Whether the key does nothing here: actions in a replay, replay's keys on live nodes."""
        if key.id.startswith("replay."):
            return self.film is None
        return key.id.startswith(CHANGING) and not self.may_act

    def key_name(self, key: Key) -> str:
        """The first of the keys that do it, as people write it."""
        return self.key_names(key.id, key.keys).split(" ")[0]

    def key_names(self, binding_id: str, keys: str) -> str:
        return names_of(self._keymap_given.get(binding_id, keys))

    # -- life --------------------------------------------------------------------------------------
    def get_default_screen(self) -> Screen[None]:
        return Overview()

    def on_mount(self) -> None:
        self.set_keymap(self._keymap_given)
        Panel.ascii_only = self._ascii_only
        self._take_colours()
        self.theme_changed_signal.subscribe(self, lambda _: self._repaint())
        if self._source is not None:
            self.run_worker(LiveFeed(self._source, self.model).run(), group="feed")
        if self.film is not None and self.film.note:
            self.notify(self.film.note, severity="warning", timeout=10)
        self._ticked_ns = self._clock()
        self._ticker = self.set_interval(PAINT_SECONDS, self._tick)

    def get_theme(self, theme_name: str) -> Theme | None:
        """As Textual's own, which merges all themes anew for every line that it paints."""
        if theme_name not in self._themes:
            self._themes[theme_name] = super().get_theme(theme_name)
        return self._themes[theme_name]

    def _take_colours(self) -> None:
        Panel.colours = Colours(self.theme_variables, self.current_theme.dark, self.no_color)

    def _repaint(self) -> None:
        self._take_colours()
        for screen in self.screen_stack:
            if isinstance(screen, Page):
                screen.repaint()

    def _tick(self) -> None:
        """Let a film run on, and paint what is not painted yet."""
        now_ns = self._clock()
        if self.film is not None:
            self.film.advance((now_ns - self._ticked_ns) / 1e9)
        self._ticked_ns = now_ns
        moment = self.moment
        if self.chosen not in moment.model.nodes:
            self.chosen = next(iter(moment.model.ids()), None)
        now = moment.now_ns if self.film is not None else now_ns // int(IDLE_SECONDS * 1e9)
        state = (id(moment.model), moment.model.version, now)
        if state != self._painted:
            self._painted = state
            self.paint()

    def paint(self) -> None:
        """Bring the page on top, and an editor over it, up to date."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, Page):
                screen.paint()
                return
            if isinstance(screen, Painted):
                screen.paint()

    # -- choosing and looking ----------------------------------------------------------------------
    def action_choose_node(self, node_id: int) -> None:
        if node_id in self.moment.model.nodes:
            self.chosen = node_id
            if isinstance(self.screen, Page):
                self.screen.choose_anew()
            self.paint()

    def action_choose(self, by: int) -> None:
        ids = self.moment.model.ids()
        if ids:
            at = ids.index(self.chosen) + by if self.chosen in ids else 0
            self.action_choose_node(ids[at % len(ids)])

    def action_show(self, name: str) -> None:
        """Open a page, in the place of another one that is open."""
        from tui.screens.pages import PAGES

        page = PAGES[name]()
        if len(self.screen_stack) > 1:
            self.switch_screen(page)
        else:
            self.push_screen(page)

    def action_detail(self) -> None:
        self.action_show("node")

    def action_leave_page(self) -> None:
        if len(self.screen_stack) > 1:
            self.pop_screen()
            self.paint()

    def action_filter(self) -> None:
        from tui.screens.dialogs import Filter

        def apply(pattern: str | None) -> None:
            if pattern is not None:
                self.pattern = pattern
                self.paint()

        self.push_screen(Filter(self.pattern), apply)

    def action_freeze(self) -> None:
        """Hold the picture, while the recording goes on; a film plays or stops."""
        if self.film is not None:
            self.film.play_or_pause()
        elif self._frozen is None:
            self._frozen = self.model.copy(), self._clock()
        else:
            self._frozen = None
        self.paint()

    def action_help(self) -> None:
        from tui.screens.dialogs import Help

        self.push_screen(Help(self.key_names, self.line))

    def action_screenshot_svg(self) -> None:
        name = f"raftctl-{self.cluster_name}-{datetime.now():%H%M%S}.svg"
        try:
            path = Path(self.save_screenshot(filename=name, path="."))
        except OSError as error:
            self.notify(f"cannot write {name}: {error.strerror}", severity="error")
        else:
            self.notify(f"saved {path.name}")

    def action_leave(self) -> None:
        self.exit()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Textual's own, but for what is in the keys already."""
        ours = {"Quit", "Keys", "Screenshot"}
        return (each for each in super().get_system_commands(screen) if each.title not in ours)

    # -- acting ------------------------------------------------------------------------------------
    def action_act(self, what: str) -> None:
        """An action on the chosen node, or on all faults."""
        if what == "heal":
            self.consider(actions.heal())
        elif (view := self.chosen_view) is not None:
            self.consider(ON_NODE[what](self.moment, view))

    def action_partition(self) -> None:
        from tui.screens.dialogs import PartitionEditor

        if self._is_allowed():
            self.push_screen(PartitionEditor(lambda: self.moment, self.chosen), self._consider_it)

    def action_net(self) -> None:
        from tui.screens.dialogs import net_form

        if self._is_allowed():
            view = self.chosen_view
            link = f"{view.name}:rest" if view is not None else ""
            self.push_screen(net_form(link, self.line), self._consider_it)

    def action_put(self) -> None:
        from tui.screens.dialogs import put_form

        if self._is_allowed():
            self.push_screen(put_form(self.line), self._consider_it)

    def action_undo(self) -> None:
        if not self._is_allowed():
            return
        if not self._undos:
            self.notify("there is nothing to take back")
        else:
            self.consider(Action(self._undos.pop()))

    def _is_allowed(self) -> bool:
        if not self.may_act:
            why = "a recording cannot be changed" if self.film is not None else "read-only"
            self.notify(why, severity="warning")
        return self.may_act

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
        self.run_worker(self._run(action), group="actions")

    async def _run(self, action: Action) -> None:
        command = as_typed(self.line, action.arguments)
        self._say([(f" $ {command}", "bold"), ("  …", "dim")])
        outcome = await self.runner.run(action.arguments)
        good = outcome.code == 0
        sign = (" ✓ ", "good") if good else (f" ✗ exit {outcome.code} ", "bad")
        words = (printable(outcome.headline), "" if good else "bad")
        self._say([(f" $ {command} ", "bold"), sign, words, (f"  {outcome.seconds:.1f}s", "dim")])
        self._remember_undo(action, outcome)

    def _remember_undo(self, action: Action, outcome: Outcome) -> None:
        undo = action.undo_after(outcome.printed) if outcome.code == 0 else ()
        if outcome.code:
            self.notify(printable(outcome.said.strip())[:400], severity="error", markup=False)
        elif undo:
            self._undos = [*self._undos, undo][-UNDOS_MAX:]
            self.notify(f"u: {as_typed(self.line, undo)}", title="undo", timeout=4, markup=False)

    def _say(self, echo: Line) -> None:
        self.echo = echo
        self.paint()

    def open_command(self, begin: str) -> None:
        """A line to complete and run."""
        from tui.screens.dialogs import Command

        self.push_screen(Command(f"{begin} ", self.line))

    # -- a film ------------------------------------------------------------------------------------
    def action_step(self, what: str, by: int) -> None:
        if self.film is not None:
            self.film.step(what, by)
            self.paint()

    def action_speed(self, by: int) -> None:
        if self.film is not None:
            self.film.change_speed(by)
            self.paint()

    def action_bookmark(self) -> None:
        if self.film is not None:
            self.film.toggle_bookmark()
            self.paint()

    def seek_to(self, time_ns: int) -> None:
        """To that moment of a film, for a click in its bar."""
        if self.film is not None:
            self.film.seek(time_ns)
            self.paint()
