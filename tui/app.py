"""The viewer: a Textual app that shows a model, and runs command lines.

Frames change the model as they come, and nothing else. Ten times a second, if the model is another
one than was painted, the page on top draws itself anew. So a thousand events cost as much painting
as one, and none is lost. Where nothing happens, what shows ages is drawn once a second.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen
from textual.theme import Theme

from node.client.address import ClusterAddress
from tui.actions import Verb
from tui.chaos import Preset
from tui.drawing.moment import Moment
from tui.endings import end_by_signals
from tui.keynames import names_of
from tui.keys import BINDINGS, CHANGING, PAGES_OF, PLACES, USUAL, Key
from tui.loading import Loading
from tui.model import ClusterModel
from tui.nodes import Condition, NodeView
from tui.palette import ASCII, DAY, NIGHT, Colours
from tui.replay import Film
from tui.replaying import Called, Recorded, ReplayingApp
from tui.runner import Runner
from tui.screens.overview import Overview
from tui.screens.page import Page, Painted
from tui.stream import LiveFeed, Source
from tui.widgets.panel import Panel

if TYPE_CHECKING:
    from textual.command import Provider

ROW_CLASSES = [(0, "-low"), (24, "-high")]
"""What screens are called from so many rows on: the style sheet leaves none empty in low ones."""
PAINT_SECONDS = 0.1
AGES_NS = 1_000_000_000
"""So often it is painted although nothing changed: ages grow."""
COUNTING_NS = 100_000_000
"""So often while an election timer runs out."""


def _verbs() -> "type[Provider]":
    """What the palette offers beside Textual's own; imported when it is opened."""
    from tui.commands import Verbs

    return Verbs


class RaftApp(ReplayingApp):
    """Shows a live cluster (`source`) or a recording (`film`); with both, one goes to the other."""

    CSS_PATH = "raft.tcss"
    TITLE = "raftctl"
    BINDINGS: ClassVar[list[BindingType]] = [*BINDINGS]
    COMMANDS = App.COMMANDS | {_verbs}
    VERTICAL_BREAKPOINTS = ROW_CLASSES

    def __init__(
        self,
        name: str,
        runner: Runner,
        *,
        source: Source | None = None,
        film: Film | None = None,
        loading: Loading | None = None,
        recording: Recorded | None = None,
        line: str = "raftctl",
        called: Callable[[str], Called] | None = None,
        verbs: Iterable[Verb] = (),
        presets: Callable[[], Sequence[Preset]] = tuple,
        keymap: Mapping[str, str] | None = None,
        read_only: bool = False,
        ascii_only: bool = False,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`loading`: what reads the rest of the film. `recording`: what the film is of, or would
        be. `line`: how a command line about the cluster begins. `presets`: the chaos scenarios that
        ship. `called`: how one speaks of a cluster whose name is known only when it comes up.
        `keymap`: other keys, by binding id. `clock`: the nodes' monotonic clock, in nanoseconds.
        """
        self._themes: dict[str, Theme | None] = {}
        super().__init__(runner, line, presets, film, recording)
        self.register_theme(NIGHT)
        self.register_theme(DAY)
        self.theme = NIGHT.name
        self.cluster_name = name
        self.verbs = tuple(verbs)
        self.model = ClusterModel()
        self.model.wall_offset_ns = time.time_ns() - time.monotonic_ns()
        self.chosen: int | None = None
        self.pattern = ""
        self.read_only = read_only
        self._source = source
        self._called = called
        self._loading = loading
        self._keymap_given = dict(keymap or {})
        self._ascii_only = ascii_only
        self._clock = clock
        self._frozen: tuple[ClusterModel, int] | None = None
        self._painted: tuple[object, ...] = ()
        self._is_fed = False
        self._painted_ages = 0
        self._ticked_ns = 0

    # -- what pages ask for ------------------------------------------------------------------------
    @property
    def moment(self) -> Moment:
        """What is to be shown now."""
        return self.live if self._frozen is None else self._moment_of(*self._frozen)

    @property
    def live(self) -> Moment:
        if self.film is not None:
            return self._moment_of(self.film.model, self.film.now_ns)
        return self._moment_of(self.model, self._clock())

    def _moment_of(self, model: ClusterModel, now_ns: int) -> Moment:
        return Moment(
            model=model,
            now_ns=now_ns,
            name=self.cluster_name,
            line=self.line,
            chosen=self.chosen,
            pattern=self.pattern,
            replay=self.film is not None,
            frozen=self._frozen is not None,
            leaving=self.leaving(now_ns),
            remedies=self._remedies,
        )

    @property
    def _remedies(self) -> Mapping[Condition, str]:
        """How a node is brought back by a key; where nothing may be done, none."""
        if not self.may_act:
            return {}
        start, resume = self.key_name("node.toggle"), self.key_name("node.pause")
        return {Condition.EXITED: f"[{start}] start", Condition.PAUSED: f"[{resume}] resume"}

    @property
    def chosen_view(self) -> NodeView | None:
        """The chosen node as it is shown."""
        return None if self.chosen is None else self.moment.model.nodes.get(self.chosen)

    @property
    def address(self) -> ClusterAddress | None:
        return None if self._source is None else self._source.address

    @property
    def unclear(self) -> str:
        """Why none of several clusters is shown."""
        return "" if self._source is None else self._source.unclear

    async def output_of(self, node_id: int) -> list[str]:
        """The last lines that the node's process wrote; none of a recorded one."""
        source = self._source
        return [] if source is None else await asyncio.to_thread(source.output, node_id)

    @property
    def refusal(self) -> str:
        if self.film is not None:
            return "a recording cannot be changed"
        if self.read_only:
            return "read-only"
        is_gone = self._source is not None and not self.model.nodes and not self._source.address
        return "there is no cluster here" if is_gone else ""

    @property
    def may_act(self) -> bool:
        return not self.refusal

    def is_hidden(self, key: Key) -> bool:
        """Whether the key does nothing here: actions in a replay, replay's keys on live nodes."""
        if key.id == "replay.live" and not self.is_there:
            return True
        if key.id.startswith("replay."):
            return self.film is None
        if key.id == "chaos.abort" and not self.chaos_is_on:
            return True
        return key.id.startswith(CHANGING) and not self.may_act

    def key_name(self, binding_id: str) -> str:
        """The first of the keys that do it, as people write it."""
        return self.key_names(binding_id).split(" ")[0]

    def key_names(self, binding_id: str) -> str:
        names = names_of(self._keymap_given.get(binding_id, USUAL[binding_id]))
        return names.translate(ASCII) if self._ascii_only else names

    def key_words(self, *pairs: tuple[str, str]) -> str:
        """For a frame: the key of each id, as it is bound now, and what it does there."""
        return "   ".join(f"{self.key_name(binding_id)} {words}" for binding_id, words in pairs)

    # -- life --------------------------------------------------------------------------------------
    def get_default_screen(self) -> Screen[None]:
        return Overview()

    def on_mount(self) -> None:
        end_by_signals(self)
        self.set_keymap(self._keymap_given)
        Panel.ascii_only = self._ascii_only
        self.set_class(self._ascii_only, "-ascii")
        self._take_colours()
        self.theme_changed_signal.subscribe(self, lambda _: self._repaint())
        if self.film is None:
            self._feed()
        if self.is_web and self.may_act:
            words = "whoever has the address of this page can run any verb of raftctl here"
            self.notify(words, severity="warning", timeout=10)
        if (film := self.film) is not None:
            # Not sooner: it would take time from the first picture.
            self.call_after_refresh(lambda: self.run_worker(self._load(film), group="film"))
        self._ticked_ns = self._clock()
        self._keep_painting()

    def _feed(self) -> None:
        """Keep the live model up to date, from now on."""
        if self._source is not None and not self._is_fed:
            self._is_fed = True
            feed = LiveFeed(self._source, self.model, self._meet_cluster)
            self.run_worker(feed.run(), group="feed")

    def _meet_cluster(self) -> None:
        """It is another one than before; where any would do, it has a name only now."""
        self.forget_actions()
        assert self._source is not None, "it was found there"
        if self._called is not None and self.cluster_name != self._source.name:
            self.cluster_name = self._source.name
            self.line, self.runner, self.recording = self._called(self.cluster_name)

    @property
    def is_there(self) -> bool:
        """Whether there is a cluster to be shown as it is now."""
        return self._source is not None and self._source.address is not None

    def show_live(self) -> str:
        if not self.is_there:
            return f"{self.cluster_name} does not run here"
        self.film = None
        self._feed()
        return ""

    def unfreeze(self) -> None:
        self._frozen = None

    async def _load(self, film: Film) -> None:
        """Read what is not read yet; then say what is wrong with it, if anything."""
        if self._loading is not None:
            await self._loading.run(self.paint)
        self.tell_note(film)

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

    def _keep_painting(self) -> None:
        """Textual's own intervals cost ten times as much."""
        if not self.is_running:
            return  # it ends: its pages are being taken apart
        try:
            self._tick()
        except Exception as error:  # as it does with what its intervals raise
            self._handle_exception(error)
        else:
            asyncio.get_running_loop().call_later(PAINT_SECONDS, self._keep_painting)

    def _tick(self) -> None:
        """Let a film run on, and paint what is not painted yet."""
        if not self.is_running:  # its pages are being taken down
            return
        now_ns = self._clock()
        if self.film is not None:
            self.film.advance((now_ns - self._ticked_ns) / 1e9)
        self._ticked_ns = now_ns
        moment = self.moment
        model = moment.model
        conditions = tuple(map(moment.condition, model.nodes.values()))
        state = (id(model), model.version, conditions, self.film and self.film.now_ns)
        ages = now_ns // (COUNTING_NS if moment.is_counting else AGES_NS)
        if state != self._painted:
            self.paint()
        elif ages != self._painted_ages:
            self._paint_ages()
        self._painted, self._painted_ages = state, ages

    def _paint_ages(self) -> None:
        for screen in reversed(self.screen_stack):
            if isinstance(screen, Page):
                screen.paint_ages()
                return
            if isinstance(screen, Painted):
                screen.paint()

    def paint(self) -> None:
        """Bring the page on top, and an editor over it, up to date."""
        nodes = self.moment.model.nodes
        if self.chosen not in nodes:
            near = self.chosen or 0  # not that node 1 is chosen, which may lead, when one goes
            self.chosen = min(nodes, key=lambda node: (abs(node - near), node), default=None)
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

    def action_press_number(self, number: int) -> None:
        self.page.press_number(number)

    def on_key(self, event: events.Key) -> None:
        """A key of another page says where that is, rather than nothing."""
        if self.is_covered or event.key in self.screen.active_bindings:
            return
        pressed = names_of(event.key)
        for place, binding_id in PAGES_OF.items():
            if any(pressed in self.key_names(key.id).split() for key in PLACES[place]):
                words = f"{pressed} is a key of the page of {place}: {self.key_name(binding_id)}"
                self.notify(words, timeout=3, markup=False)
                return

    def action_choose(self, by: int) -> None:
        ids = self.moment.model.ids()
        if ids:
            at = ids.index(self.chosen) + by if self.chosen in ids else 0
            self.action_choose_node(ids[at % len(ids)])

    def action_filter(self) -> None:
        from tui.screens.forms import Prompt

        def apply(pattern: str | None) -> None:
            if pattern is not None:
                self.pattern = pattern
                self.paint()

        self.push_screen(Prompt("only events with", self.pattern, "leader|fault|n3"), apply)

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

        self.push_screen(Help(self))

    def action_help_quit(self) -> None:
        """Ctrl-C leaves too."""
        self.exit()

    def _fatal_error(self) -> None:
        """Textual's own prints a traceback; `failure` has it for whoever started the viewer."""
        self._close_messages_no_wait()

    @property
    def failure(self) -> Exception | None:
        """What ended the viewer, if not its user."""
        return self._exception

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Textual's own, but for what is in the keys already."""
        ours = {"Quit", "Keys", "Screenshot"}
        return (each for each in super().get_system_commands(screen) if each.title not in ours)
