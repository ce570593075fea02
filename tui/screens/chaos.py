"""Chaos: which scenario, and how it goes."""

from collections.abc import Callable, Sequence
from textwrap import wrap
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from tui.actions import Action, Refusal
from tui.chaos import Preset
from tui.drawing.chaos import preset_line, state_lines, step_lines
from tui.drawing.events import event_lines
from tui.drawing.overview import node_rows
from tui.drawing.text import Line, window
from tui.keys import CHAOS_KEYS, SCENARIO_KEYS, Key, bindings
from tui.screens.choosing import Chooser
from tui.screens.forms import Prompt
from tui.screens.page import NARROW_COLUMNS, Page
from tui.widgets.panel import Panel

FILE = "a file …"
ABOUT_ROWS = 2
NODE_ROWS_MIN = 20
"""From so many rows on the nodes stand above the run."""
EVENT_ROWS_MIN = 4
CHOOSER_KEYS = (("scenario.run", "run"), ("scenario.file", "a file"), ("scenario.leave", "leave"))


class Scenarios(Chooser):
    """The scenarios that ship, and any file. `make` says what one would do, or why it cannot."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(SCENARIO_KEYS)
    HEADING = "chaos: a scenario on this cluster"
    FOOT = CHOOSER_KEYS

    def __init__(
        self,
        presets: Sequence[Preset],
        make: Callable[[str, Preset | None], Action | Refusal],
        line: str,
    ) -> None:
        super().__init__()
        self._presets = presets
        self._make = make
        self._line = line
        fits = (place for place, each in enumerate(presets) if self._fits(each))
        self._at = next(fits, 0)

    @property
    def _rows(self) -> int:
        return len(self._presets) + 1

    @property
    def _preset(self) -> Preset | None:
        return self._presets[self._at] if self._at < len(self._presets) else None

    def _fits(self, preset: Preset) -> bool:
        return isinstance(self._make(preset.name, preset), Action)

    def _made(self) -> Action | Refusal:
        preset = self._preset
        if preset is None:
            return Refusal("a scenario of your own, a TOML file")
        return self._make(preset.name, preset)

    def _draw(self, width: int, height: int) -> list[Line]:
        told = self._told(width)
        room = max(height - len(told), 1)
        rows = [
            preset_line(
                preset,
                width,
                is_chosen=place == self._at,
                fits=self._fits(preset),
            )
            for place, preset in enumerate(self._presets)
        ]
        is_file = self._preset is None
        rows.append([("▸ ", "chosen bold") if is_file else ("  ", ""), (FILE, "")])
        top = min(max(self._at - room // 2, 0), max(len(rows) - room, 0))
        return [*window(rows, top, width, room), *told]

    def _told(self, width: int) -> list[Line]:
        """What the chosen one is about, and the line that runs it, or why it cannot be."""
        preset, made = self._preset, self._made()
        about = [] if preset is None else wrap(preset.about, max(width, 1))[:ABOUT_ROWS]
        words = made.why if isinstance(made, Refusal) else made.typed(self._line)
        style = "warn" if isinstance(made, Refusal) and preset is not None else "dim"
        lines: list[Line] = [[], *([(row, "")] for row in about)]
        return [*lines, *([(row, style)] for row in wrap(words, max(width, 1)))]

    def action_move(self, by: int) -> None:
        self._at = (self._at + by) % (len(self._presets) + 1)
        self.paint()

    def action_file(self) -> None:
        def take(path: str | None) -> None:
            made = self._make(path, None) if path else None
            if isinstance(made, Action):
                self.dismiss(made)

        self.app.push_screen(Prompt("a scenario's file", "", "plan.toml"), take)

    def action_run(self) -> None:
        if self._preset is None:
            self.action_file()
        elif isinstance(made := self._made(), Action):
            self.dismiss(made)


class ChaosPage(Page):
    """The run: its steps, what holds, and the cluster beside it. Leaving lets it go on."""

    KEYS: ClassVar[Sequence[Key]] = CHAOS_KEYS
    BINDINGS: ClassVar[list[BindingType]] = bindings(CHAOS_KEYS)

    def body(self) -> Sequence[Widget]:
        steps = Panel(self._steps, id="steps", classes="framed")
        state = Panel(self._state, id="state", classes="framed")
        self._block = Container(steps, state, id="run")
        nodes = Panel(self._node_lines, id="nodes")
        events = Panel(self._events, id="events", classes="framed rest", still=True)
        return [nodes, self._block, events]

    def lay_out(self) -> None:
        run, size = self.viewer.chaos, self.app.size
        if run is None:
            return
        count = len(self.moment.model.nodes)
        has_nodes = bool(count) and size.height >= NODE_ROWS_MIN
        self.panel("nodes").display = has_nodes
        self.panel("nodes").take_rows(count + 1)
        left = size.height - (4 if size.height >= 30 else 3) - (count + 1) * has_nodes
        is_wide = size.width >= NARROW_COLUMNS
        self._block.set_class(not is_wide, "-stacked")
        steps = len(run.steps) + 3
        state = len(state_lines(run, max(size.width // 2, 1), 99)) + 2
        if is_wide:
            rows = max(min(max(steps, state), left - EVENT_ROWS_MIN), 5)
            heights = rows, rows
        else:
            rows = left
            first = max(min(steps, left - min(state, left // 2)), 3)
            heights = first, max(left - first, 3)
        self.panel("steps").take_rows(heights[0])
        self.panel("state").take_rows(heights[1])
        if self._block.styles.height is None or self._block.styles.height.value != rows:
            self._block.styles.height = rows
        self.panel("events").display = is_wide and left - rows >= EVENT_ROWS_MIN
        self._title(run.name)

    def _title(self, name: str) -> None:
        run, now_ns = self.viewer.chaos, self.viewer.live.now_ns
        assert run is not None, "it is shown"
        seed = "" if run.seed is None else f"  seed {run.seed}"
        step = f"  step {run.begun}/{len(run.steps)}" if run.steps else ""
        time = f"  {run.elapsed_ms(now_ns) / 1000:.0f} of {run.duration_ms / 1000:.0f}s"
        keys = self.key_words(CHAOS_KEYS)
        self.panel("steps").name_it(f"chaos {name}{seed}{step}{time if run.steps else ''}", keys)
        self.panel("state").name_it("verdict" if run.is_over else f"invariants  {run.phase}")
        self.panel("events").name_it("events")

    def _steps(self, width: int, height: int) -> list[Line]:
        run = self.viewer.chaos
        return [] if run is None else step_lines(run, self.viewer.live.now_ns, width, height)

    def _state(self, width: int, height: int) -> list[Line]:
        run = self.viewer.chaos
        return [] if run is None else state_lines(run, width, height)

    def _node_lines(self, width: int, height: int) -> list[Line]:
        return node_rows(self.moment, width)

    def _events(self, width: int, height: int) -> list[Line]:
        return event_lines(self.moment, width, height)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Its key is another one's once there is nothing to end."""
        return action != "abort" or self.viewer.chaos_is_on

    def action_abort(self) -> None:
        self.viewer.abort_chaos()
