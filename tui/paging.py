"""The part of the app that knows which page is open and what lies over it.

Notices pop up over whatever is there. Over a dialog they would hide what is asked, so they wait
until nothing lies over the page any more.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from textual.app import App, ScreenStackError
from textual.notifications import Notification, SeverityLevel

from tui.screens.page import Page

WAITING_MAX = 5


@dataclass(kw_only=True)
class Notice(Notification):
    """`words` were told so many `times` while they were still to be seen."""

    words: str
    times: int = 1

    def replaces(self, other: Notification) -> bool:
        """A title stands for what is so by now: there is one of each. The same words are counted,
        and not piled up.
        """
        if self.title:
            return other.title == self.title
        if not isinstance(other, Notice) or (other.title, other.words) != ("", self.words):
            return False
        self.times = other.times + 1
        self.message = f"{self.words}  ×{self.times}"
        return True


class PagingApp(App[None]):
    """Pages replace each other on top of the first one."""

    def __init__(self, ansi_color: bool) -> None:
        super().__init__(ansi_color=ansi_color)
        self._waiting: deque[Notice] = deque(maxlen=WAITING_MAX)

    def paint(self) -> None:
        """Show what changed."""
        raise NotImplementedError

    @property
    def page(self) -> Page:
        """The page that is open, whatever lies over it."""
        return next(each for each in reversed(self.screen_stack) if isinstance(each, Page))

    @property
    def is_covered(self) -> bool:
        """Whether a dialog lies over the page."""
        try:
            return not isinstance(self.screen, Page)
        except ScreenStackError:
            return False

    def open_page(self, page: Page) -> None:
        """In the place of another one that is open."""
        if len(self.screen_stack) > 1:
            self.switch_screen(page)
        else:
            self.push_screen(page)

    def action_show(self, name: str) -> None:
        from tui.screens.pages import PAGES

        self.open_page(PAGES[name]())

    def action_detail(self) -> None:
        self.action_show("node")

    def action_leave_page(self) -> None:
        if len(self.screen_stack) > 1:
            self.pop_screen()
            self.paint()

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        seconds = self.NOTIFICATION_TIMEOUT if timeout is None else timeout
        notice = Notice(message, title, severity, seconds, markup, words=message)
        if self.is_covered:
            self._waiting.append(notice)
        else:
            self._tell(notice)

    def _tell(self, notice: Notice) -> None:
        notice.raised_at = time.time()  # it may have waited
        self.untell(notice.replaces)
        self._notifications.add(notice)
        self._refresh_notifications()

    def untell(self, is_meant: Callable[[Notification], bool]) -> None:
        """Take such notices away."""
        for notice in filter(is_meant, list(self._notifications)):
            self._unnotify(notice)

    def tell_waiting(self) -> None:
        """What was to be said while a dialog was open."""
        while self._waiting and not self.is_covered:
            self._tell(self._waiting.popleft())
