"""The command palette: every key's action, and every verb of the command line."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.keys import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui.app import RaftApp


class Verbs(Provider):
    """Actions run at once; a verb opens a line to complete, and shows what it prints."""

    def _all(self) -> "Iterator[tuple[str, str, Callable[[], object]]]":
        app = cast("RaftApp", self.app)
        page = app.page
        for key, owner in (*((key, page) for key in page.KEYS), *((key, app) for key in KEYS)):
            if key.id != "app.palette" and not app.is_hidden(key):
                name = f"{key.about}  ({app.key_name(key.id)})"
                line = f"{app.line} {key.line}" if key.line else key.id
                yield name, line, partial(app.run_action, key.action, owner)
        if app.may_act:
            for verb in app.verbs:
                yield f"{app.line} {verb.name}", verb.about, partial(app.open_command, verb.name)

    async def discover(self) -> Hits:
        for name, about, run in self._all():
            yield DiscoveryHit(name, run, help=about)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, about, run in self._all():
            score = max(matcher.match(name), matcher.match(about))
            if score > 0:
                yield Hit(score, matcher.highlight(name), run, help=about)
