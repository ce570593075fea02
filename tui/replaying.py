"""The part of the app that plays recordings back, and goes from a live cluster to its recording."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from tui import exports
from tui.actions import Action, Refusal
from tui.chaos import Preset
from tui.chaosing import ChaosApp
from tui.drawing.text import printable
from tui.loading import Loading
from tui.replay import Film, FilmError
from tui.runner import Runner
from tui.timeline import Occurrence

CLIP_NS = 10_000_000_000
"""What a clip has by itself on both sides of where one is, without bookmarks."""


class Recorded(NamedTuple):
    """A recording that can be opened: `run` is what the command line calls it; `load` gives how it
    begins and what reads the rest, in a thread, and raises FilmError.
    """

    run: str
    load: Callable[[], tuple[Film, Loading]]


class Called(NamedTuple):
    """How one speaks of a cluster: how a command line about it begins, what runs such a line, and
    its recording.
    """

    line: str
    runner: Runner
    recording: Recorded | None


class ReplayingApp(ChaosApp):
    """`film` is what is played back, None: the cluster is shown as it is now."""

    def __init__(
        self,
        runner: Runner,
        line: str,
        presets: Callable[[], Sequence[Preset]],
        film: Film | None,
        recording: Recorded | None,
    ) -> None:
        super().__init__(runner, line, presets)
        self.film = film
        self.recording = recording

    def show_live(self) -> str:
        """Show the cluster as it is now; why that cannot be, empty: it can."""
        raise NotImplementedError

    def unfreeze(self) -> None:
        """No picture is held any more."""
        raise NotImplementedError

    # -- to a moment -------------------------------------------------------------------------------
    def go_to(self, event: Occurrence) -> None:
        """To the time of the event: in the film, and of a live cluster in its recording."""
        if self.film is not None:
            self.film.seek_event(event, event.mono_ns)
            self.paint()
        elif self.recording is None:
            self.notify("nothing is recorded here", severity="warning")
        else:
            self.run_worker(self._open(self.recording, event), group="film", exclusive=True)

    async def _open(self, recording: Recorded, event: Occurrence) -> None:
        self.notify(f"opening the recording {recording.run}", markup=False)
        try:
            film, loading = await asyncio.to_thread(recording.load)
        except FilmError as error:
            self.notify(printable(str(error)), severity="error", markup=False)
            return
        await loading.run(self.paint)  # what is looked for may stand at its end
        film.seek_event(event)
        self.unfreeze()
        self.film = film
        self.notify("L: back to the cluster as it is now", title="replay", timeout=4)
        self.tell_note(film)
        self.paint()

    def tell_note(self, film: Film) -> None:
        """What is wrong with the recording, if anything."""
        if film.note:
            note = printable(film.note)
            self.notify(note, title="recording", severity="warning", timeout=10, markup=False)

    def action_live(self) -> None:
        why = self.show_live()
        if why:
            self.notify(why, severity="warning", markup=False)
        self.paint()

    def action_step(self, what: str, by: int) -> None:
        self._in_film(lambda film: film.step(what, by))

    def action_speed(self, by: int) -> None:
        self._in_film(lambda film: film.change_speed(by))

    def action_bookmark(self) -> None:
        self._in_film(Film.toggle_bookmark)

    def _in_film(self, move: Callable[[Film], object]) -> None:
        if self.film is None:
            self.notify("that is for a replay: one begins at an event", timeout=3)
        else:
            move(self.film)
            self.paint()

    def seek_to(self, time_ns: int) -> None:
        """To that moment of a film, for a click in its bar."""
        if self.film is not None:
            self.film.seek(time_ns)
            self.paint()

    # -- a part of it ------------------------------------------------------------------------------
    def action_clip(self) -> None:
        """Save a part: between the bookmarks, else what is around where one is."""
        from tui.screens.forms import Form

        film, recording = self.film, self.recording
        if film is None or recording is None or not self.may_write_files("save it"):
            return
        marks = film.bookmarks if len(film.bookmarks) > 1 else [*film.bookmarks, film.now_ns]
        begin, end = min(marks), max(marks)
        if begin == end:
            begin, end = begin - CLIP_NS, end + CLIP_NS

        def make(values: Mapping[str, str]) -> Action | Refusal:
            return exports.clip(recording.run, values["file"], values["from"], values["to"])

        fields = [
            ("from", _utc(film.wall_of(max(begin, film.begin_ns))), "+1m, or a time"),
            ("to", _utc(film.wall_of(min(end, film.end_ns))), "+2m, or a time"),
            ("file", self.file_name("clip", "frames"), ""),
        ]
        self.push_screen(Form("save a part", fields, make, self.line))


def _utc(wall_ns: int) -> str:
    """As `runs export` reads it."""
    moment = datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{wall_ns % 1_000_000_000:09}"[:-6] + "Z"
