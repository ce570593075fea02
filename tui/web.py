"""The viewer in a browser: textual-serve, held to this machine and to who has the address.

textual-serve has no notion of who may come in. So it listens on loopback alone, every path begins
with a random token, and a request has to name loopback as its host, which keeps away pages of
other sites that point a name of theirs here. Each browser gets a viewer process of its own.
"""

import asyncio
import contextlib
import re
import secrets
import shlex
import socket
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.server import Server

HOST = "127.0.0.1"
TOKEN_BYTES = 16
SESSIONS_MAX = 8
"""Browsers at a time: each costs a process of about 50 MB."""
COLUMNS_MAX = 500
ROWS_MAX = 200
"""What a browser may ask for: a viewer holds and draws each cell."""
END_SECONDS_MAX = 1
"""So long the browsers have to say goodbye."""
FONT = re.compile(r"<link[^>]*fonts\.googleapis\.com[^>]*>")
"""The one thing that the page would fetch from elsewhere."""
FOCUS = """<script>
new MutationObserver((_, observer) => {
  const terminal = document.querySelector(".xterm-helper-textarea");
  if (terminal) { terminal.focus(); observer.disconnect(); }
}).observe(document.body, {childList: true, subtree: true});
</script>
</body>"""
"""Keys count from the beginning, and not only after a click."""
HEADERS = {
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' data: blob:; "
    "connect-src 'self' ws:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # the path is the secret
    "Cache-Control": "no-store",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Browsers(Server):
    """Serves one command line."""

    def __init__(self, command: Sequence[str], title: str, port: int = 0) -> None:
        """`port` 0: any that is free. Raises OSError when the port is taken."""
        self._socket = socket.create_server((HOST, port))
        self._token = secrets.token_urlsafe(TOKEN_BYTES)
        self._sessions = 0
        self._sockets: set[web.WebSocketResponse] = set()
        port = self._socket.getsockname()[1]
        super().__init__(shlex.join(command), HOST, port, title)

    @property
    def url(self) -> str:
        """The address to open: whoever has it, may come in."""
        return f"{self.public_url}/{self._token}/"

    async def _make_app(self) -> web.Application:
        outer = web.Application(middlewares=[self._guard])
        outer.add_subapp(f"/{self._token}", await super()._make_app())
        return outer

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.host not in (f"{HOST}:{self.port}", f"localhost:{self.port}"):
            raise web.HTTPForbidden(text="not by this name")
        origin = request.headers.get("Origin")
        if origin not in (None, f"http://{request.host}"):
            raise web.HTTPForbidden(text="not from another page")
        return await handler(request)

    async def on_startup(self, app: web.Application) -> None:
        """Whoever runs this says where it listens."""

    async def handle_index(self, request: web.Request) -> web.Response:
        response: web.Response = await super().handle_index(request)  # type: ignore[assignment]
        page = FONT.sub("", response.text or "")
        response.text = page.replace("</body>", FOCUS)
        response.headers.update(HEADERS)
        return response

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        if self._sessions >= SESSIONS_MAX:
            raise web.HTTPServiceUnavailable(text=f"{SESSIONS_MAX} browsers are open already")
        self._sessions += 1
        try:
            query = {
                "width": _bounded(request.query.get("width"), 80, COLUMNS_MAX),
                "height": _bounded(request.query.get("height"), 24, ROWS_MAX),
            }
            url = request.rel_url.update_query(query)
            return await super().handle_websocket(request.clone(rel_url=url))
        finally:
            self._sessions -= 1

    async def _process_messages(
        self, websocket: web.WebSocketResponse, app_service: AppService
    ) -> None:
        resize = app_service.set_terminal_size

        async def resize_bounded(width: object, height: object) -> None:
            await resize(_bounded(width, 80, COLUMNS_MAX), _bounded(height, 24, ROWS_MAX))

        app_service.set_terminal_size = resize_bounded  # type: ignore[method-assign]
        self._sockets.add(websocket)
        try:
            await super()._process_messages(websocket, app_service)
        finally:
            self._sockets.discard(websocket)
            try:
                await app_service.stop()
            finally:
                await _end(app_service)

    async def on_shutdown(self, app: web.Application) -> None:
        """aiohttp waits for requests to end, and that of an open browser never does."""
        closing = [asyncio.ensure_future(each.close()) for each in self._sockets]
        if closing:
            await asyncio.wait(closing, timeout=END_SECONDS_MAX)

    def run(self) -> None:
        """Until Ctrl-C or SIGTERM."""
        web.run_app(
            self._make_app(),
            sock=self._socket,
            print=None,
            access_log=None,
            shutdown_timeout=END_SECONDS_MAX,
        )


async def _end(app_service: AppService) -> None:
    """Wait until the viewer has ended. textual-serve does not, and one that outlives the event loop
    makes Python print a traceback.
    """
    process = app_service._process
    assert process is not None, "it was started"
    app_service.stdin.close()
    try:
        async with asyncio.timeout(END_SECONDS_MAX):
            await process.communicate()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def _bounded(size: object, default: int, most: int) -> int:
    """A size of a terminal as a browser gives it."""
    try:
        return min(max(int(str(size)), 1), most)
    except ValueError:
        return default
