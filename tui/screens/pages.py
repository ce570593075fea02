"""The pages beside the first one, by name."""

from collections.abc import Callable, Mapping

from tui.screens.chaos import ChaosPage
from tui.screens.detail import NodePage
from tui.screens.lists import AppliedPage, EventsPage, MembersPage
from tui.screens.log import LogPage
from tui.screens.page import Page

PAGES: Mapping[str, Callable[[], Page]] = {
    "applied": AppliedPage,
    "events": EventsPage,
    "members": MembersPage,
    "log": LogPage,
    "diff": lambda: LogPage(diff=True),
    "node": NodePage,
    "chaos": ChaosPage,
}
