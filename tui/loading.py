"""A recording that is read while it is shown: by a thread, so that keys are answered meanwhile."""

import asyncio
from collections.abc import Callable, Iterator

from tui.footage import Chunk
from tui.replay import Film


class Loading:
    """The rest of a film. `share` says how much of the recording was read, from 0 to 1; `note`,
    when all of it was, what is wrong with it.
    """

    def __init__(
        self,
        film: Film,
        rest: Iterator[Chunk],
        share: Callable[[], float],
        note: Callable[[], str],
    ) -> None:
        self._film = film
        self._rest = rest
        self._share = share
        self._note = note
        film.read_share = share()

    async def run(self, on_more: Callable[[], None]) -> None:
        """Until all of it came, or there is room for no more. The film changes here alone."""
        film = self._film
        has_room = True
        while has_room and (chunk := await asyncio.to_thread(next, self._rest, None)) is not None:
            has_room = film.extend(chunk)
            film.read_share = self._share()
            on_more()
        film.read_share = None
        film.note = film.note or self._note()
        on_more()
