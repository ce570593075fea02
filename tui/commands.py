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
        own = [key for key in page.KEYS if not app.is_hidden(key)]
        taken = {name for key in own for name in app.key_names(key.id).split()}
        for key, owner in (*((key, page) for key in own), *((key, app) for key in KEYS)):
            if key.id != "app.palette" and not app.is_hidden(key):
                # A key of the page is not what it is elsewhere.
                names = app.key_names(key.id).split()
                free = [each for each in names if owner is page or each not in taken]
                name = f"{key.about}  ({free[0]})" if free else key.about
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
